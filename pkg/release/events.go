package release

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-switchyard/switchyard/pkg/kube"
)

// Events writes a release's story as Kubernetes Events, for `kubectl events` and `kubectl describe`. They are a
// courtesy: one that cannot be written never stops a release.
type Events struct {
	Client kubernetes.Interface
	// Component is the plugin, such as "kubectl-bluegreen".
	Component string
	// About is the object that the Events belong to.
	About corev1.ObjectReference
	// DryRun keeps Events from being written.
	DryRun bool
	// Say is told of an Event that is not written. After an error that does not pass no other is tried.
	Say func(format string, args ...any)

	mu       sync.Mutex
	silenced bool
}

// eventDeadline bounds the courtesy, in which an unreachable API server must not hold a rollback up.
const eventDeadline = 3 * time.Second

// Normal records that something went as it should. Reason is one CamelCase word.
func (e *Events) Normal(ctx context.Context, reason, format string, args ...any) {
	e.write(ctx, corev1.EventTypeNormal, reason, fmt.Sprintf(format, args...))
}

// Warning records that something went wrong. Reason is one CamelCase word.
func (e *Events) Warning(ctx context.Context, reason, format string, args ...any) {
	e.write(ctx, corev1.EventTypeWarning, reason, fmt.Sprintf(format, args...))
}

func (e *Events) write(ctx context.Context, kind, reason, message string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.DryRun || e.silenced {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), eventDeadline)
	defer cancel()
	now := metav1.Now()
	event := &corev1.Event{
		// The name has the form that client-go's recorder gives (tools/record).
		ObjectMeta:          metav1.ObjectMeta{Name: fmt.Sprintf("%s.%x", e.About.Name, now.UnixNano()), Namespace: e.About.Namespace},
		InvolvedObject:      e.About,
		Type:                kind,
		Reason:              reason,
		Message:             message,
		Source:              corev1.EventSource{Component: e.Component},
		ReportingController: Domain + "/" + e.Component,
		FirstTimestamp:      now,
		LastTimestamp:       now,
		Count:               1,
	}
	if _, err := e.Client.CoreV1().Events(e.About.Namespace).Create(ctx, event, kube.CreateOptions(false)); err != nil {
		e.silenced = !kube.Transient(err)
		e.Say("the Event %s was not written: %v", reason, err)
	}
}
