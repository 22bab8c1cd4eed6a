package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

// conflictTries is how often a write is worked out anew when the object changed between its read and the write. Each
// try looks at the live object again, so a change that matters stops it.
const conflictTries = 10

// object is what the typed clients return.
type object interface {
	GetResourceVersion() string
}

// typed is the part of a typed client that a conditional write needs.
type typed[T object] interface {
	Get(ctx context.Context, name string, options metav1.GetOptions) (T, error)
	Patch(ctx context.Context, name string, kind types.PatchType, data []byte, options metav1.PatchOptions, subresources ...string) (T, error)
}

// update reads the object, asks change what to write, and writes just that if the object has not changed since; when it
// has, it reads and asks again. No fields, no write.
func update[T object](ctx context.Context, client typed[T], name string, dryRun bool, change func(live T) (kube.Fields, error)) error {
	for try := 1; ; try++ {
		live, err := client.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		fields, err := change(live)
		if err != nil || len(fields) == 0 {
			return err
		}
		patch, err := fields.Conditional(live.GetResourceVersion())
		if err != nil {
			return err
		}
		_, err = client.Patch(ctx, name, types.MergePatchType, patch, kube.PatchOptions(dryRun))
		if !apierrors.IsConflict(err) || try == conflictTries {
			return err
		}
	}
}

func (a *actor) dry() bool { return a.DryRun == cli.DryRunServer }

func (a *actor) updateService(ctx context.Context, name string, change func(*corev1.Service) (kube.Fields, error)) error {
	return update[*corev1.Service](ctx, a.client.Typed.CoreV1().Services(a.client.Namespace), name, a.dry(), change)
}

func (a *actor) updateDeployment(ctx context.Context, name string, change func(*appsv1.Deployment) (kube.Fields, error)) error {
	return update[*appsv1.Deployment](ctx, a.client.Typed.AppsV1().Deployments(a.client.Namespace), name, a.dry(), change)
}

func (a *actor) updateAutoscaler(ctx context.Context, name string, change func(*autoscalingv2.HorizontalPodAutoscaler) (kube.Fields, error)) error {
	return update[*autoscalingv2.HorizontalPodAutoscaler](ctx, a.client.Typed.AutoscalingV2().HorizontalPodAutoscalers(a.client.Namespace), name, a.dry(), change)
}

// journal writes the record of the release to the primary Service. A record of another release that came in between
// stops it.
func (a *actor) journal(ctx context.Context, record release.Record) error {
	return a.updateService(ctx, a.primary, func(live *corev1.Service) (kube.Fields, error) {
		if err := sameRelease(live, record); err != nil {
			return nil, err
		}
		if live.Annotations[release.AnnotationRelease] == record.Annotation() {
			return nil, nil
		}
		return kube.Annotate(map[string]string{release.AnnotationRelease: record.Annotation()}), nil
	})
}

// sameRelease returns an error when the Service carries the record of another release that is under way.
func sameRelease(live *corev1.Service, record release.Record) error {
	found, err := release.ReadRecord(live.Annotations)
	if err != nil || found == nil || found.ID == record.ID || !underway(found) {
		return nil
	}
	return exit.Errorf(exit.Conflict, "service %s: release %s of %s began in between (%s)", live.Name, found.ID, found.By, found.Phase)
}

// conclude ends the release: the history gains entry and the record becomes kept, or goes when kept is nil. It is one
// write.
func (a *actor) conclude(ctx context.Context, entry release.Entry, kept *release.Record) error {
	return a.updateService(ctx, a.primary, func(live *corev1.Service) (kube.Fields, error) {
		record := ""
		if kept != nil {
			record = kept.Annotation()
		}
		history := release.AddHistory(live.Annotations, entry)
		if live.Annotations[release.AnnotationRelease] == record && live.Annotations[release.AnnotationHistory] == history {
			return nil, nil
		}
		return kube.Annotate(map[string]string{release.AnnotationRelease: record, release.AnnotationHistory: history}), nil
	})
}

// underway tells whether a release is in the middle: another one must not begin.
func underway(record *release.Record) bool {
	return record != nil && (record.Phase == release.Preparing || record.Phase == release.AtGate || record.Phase == release.Soaking)
}

// now is the API server's present time in whole seconds, as records keep it: what is compared with it later comes from
// there too, and from other machines.
func (a *actor) now() time.Time { return a.client.Now().UTC().Truncate(time.Second) }

// entryOf makes the history entry for a record.
func (a *actor) entryOf(record release.Record, operation, result, reason string) release.Entry {
	return release.Entry{
		ID: record.ID, Operation: operation, Result: result, By: record.By, At: metav1.NewTime(a.now()),
		From: record.From, To: record.To, Images: record.Images, Reason: reason,
	}
}

// selectSlot returns the fields that make a Service select the slot.
func selectSlot(key, value string) kube.Fields {
	return kube.Fields{"spec": map[string]any{"selector": map[string]any{key: value}}}
}

// scaleTo returns the fields that set a Deployment's replicas.
func scaleTo(replicas int32) kube.Fields {
	return kube.Fields{"spec": map[string]any{"replicas": replicas}}
}

func scaleCommand(namespace, name string, replicas int32) string {
	return fmt.Sprintf("kubectl scale deployment %s -n %s --replicas=%d", name, namespace, replicas)
}
