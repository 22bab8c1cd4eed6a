package release

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// evidenceDeadline bounds the look-up of logs and Events for a failure that is reported anyway.
const evidenceDeadline = 3 * time.Second

// Evidence returns what a person would look up next about a problem: the last log lines of a crashed container, or the
// last probe failure that the kubelet reported. It returns "" or text that begins with a line break; what cannot be
// read is said.
func Evidence(ctx context.Context, client kubernetes.Interface, namespace string, problem workload.Problem) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), evidenceDeadline)
	defer cancel()
	switch problem.Reason {
	case workload.ReasonCrashLoop, workload.ReasonOOMKilled:
		return lastLogs(ctx, client, namespace, problem)
	case workload.ReasonNotReady, workload.ReasonNotStarted:
		return lastProbeFailure(ctx, client, namespace, problem)
	}
	return ""
}

// logLines is how many of a crashed container's last lines are shown.
const logLines = 5

// logWidth is how many characters of such a line are shown.
const logWidth = 300

func lastLogs(ctx context.Context, client kubernetes.Interface, namespace string, problem workload.Problem) string {
	var failure error
	for _, previous := range []bool{true, false} { // a container that runs again has its last words in the log before
		options := &corev1.PodLogOptions{Container: problem.Container, Previous: previous, TailLines: ptr.To(int64(logLines))}
		raw, err := client.CoreV1().Pods(namespace).GetLogs(problem.Pod, options).DoRaw(ctx)
		if text := strings.TrimRight(string(raw), "\n"); err == nil && text != "" {
			lines := strings.Split(text, "\n")
			for i := range lines {
				lines[i] = clip(lines[i], logWidth)
			}
			return fmt.Sprintf("\n  last lines of the log of pod %s, container %s:\n    %s", problem.Pod, problem.Container, strings.Join(lines, "\n    "))
		}
		failure = err
	}
	if failure != nil {
		return fmt.Sprintf("\n  (its log was not read: %v)", failure)
	}
	return ""
}

func lastProbeFailure(ctx context.Context, client kubernetes.Interface, namespace string, problem workload.Problem) string {
	events, err := eventsAbout(ctx, client, namespace, problem.Pod)
	if err != nil {
		return fmt.Sprintf("\n  (its probe failures were not read: %v)", err)
	}
	var last *corev1.Event
	for i := range events {
		if events[i].Reason == "Unhealthy" && (last == nil || last.LastTimestamp.Before(&events[i].LastTimestamp)) {
			last = &events[i]
		}
	}
	if last == nil {
		return ""
	}
	return fmt.Sprintf("\n  the kubelet says of pod %s: %s (%d times)", problem.Pod, strings.TrimSpace(last.Message), max(last.Count, 1))
}

// eventsAbout lists the Events about one pod; the field selector spares a namespace full of them.
func eventsAbout(ctx context.Context, client kubernetes.Interface, namespace, pod string) ([]corev1.Event, error) {
	about := metav1.ListOptions{FieldSelector: "involvedObject.kind=Pod,involvedObject.name=" + pod}
	return kube.List[corev1.Event](ctx, about, client.CoreV1().Events(namespace).List)
}

// clip shortens a text to so many characters.
func clip(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}

// The pace at which Events about single pods are read while a Deployment is being waited for.
const (
	// eventsAfter is the age at which a pod that is not ready is worth a look.
	eventsAfter = 5 * time.Second
	// eventsEvery is the time between two looks.
	eventsEvery = 10 * time.Second
	// eventsPods is how many pods a look is for: pods of one template have the same troubles.
	eventsPods = 3
)

// podEvents holds what was reported about the pods that are in trouble. It tells what their status does not: why a probe
// fails, that a probe and not the application ended a container, which volume or network is missing.
type podEvents struct {
	client    kubernetes.Interface
	namespace string
	byPod     map[string][]corev1.Event
	readAt    time.Time
	// unread is why Events cannot be read; the right to is optional.
	unread string
}

// all returns the Events read so far.
func (e *podEvents) all() []corev1.Event {
	return slices.Concat(slices.Collect(maps.Values(e.byPod))...)
}

// due returns the pods whose Events are to be read now: the one that would end the wait, and from time to time those that
// are in trouble or late.
func (e *podEvents) due(seen Awaited, now time.Time) []string {
	if e.unread != "" {
		return nil
	}
	if problem := finalOf(seen); problem != nil && problem.Pod != "" {
		return []string{problem.Pod}
	}
	if now.Sub(e.readAt) < eventsEvery {
		return nil
	}
	var pods []string
	for _, problem := range seen.Problems {
		pods = append(pods, problem.Pod)
	}
	for i := range seen.Pods {
		if pod := &seen.Pods[i]; !workload.PodReady(pod) && now.Sub(pod.CreationTimestamp.Time) >= eventsAfter {
			pods = append(pods, pod.Name)
		}
	}
	seenAlready := map[string]bool{"": true}
	pods = slices.DeleteFunc(pods, func(pod string) bool {
		again := seenAlready[pod]
		seenAlready[pod] = true
		return again
	})
	return pods[:min(len(pods), eventsPods)]
}

// read reads the Events about the pods. What fails otherwise than for good is tried again at the next look.
func (e *podEvents) read(ctx context.Context, pods []string, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, evidenceDeadline)
	defer cancel()
	e.readAt = now
	for _, pod := range pods {
		events, err := eventsAbout(ctx, e.client, e.namespace, pod)
		if reason, missing := kube.Unavailable(err); missing {
			e.unread = reason
		}
		if err != nil {
			return
		}
		e.byPod[pod] = events
	}
}
