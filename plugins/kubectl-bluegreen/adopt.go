package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
	"github.com/kubectl-switchyard/switchyard/pkg/traffic"
	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// held are the settings of a Deployment that adoption changes for its duration, as they were.
//
// A Deployment whose pods carry no slot label gets one by a rolling update of its template. An ordinary rolling update
// ends old pods while nodes still route to them, and loses requests unless the application drains itself. This one is
// held: all new pods are brought up beside the old ones, and a minReadySeconds that no pod reaches keeps the Deployment
// controller from ending the old ones (pkg/controller/deployment/rolling.go: old pods go only as new ones become
// available). Then the Service selects the new label, the old pods drain, and the settings are put back, which ends the
// old pods. A client that dies on the way leaves ready pods behind the Service at every point.
type held struct {
	Strategy                appsv1.DeploymentStrategy `json:"strategy"`
	MinReadySeconds         int32                     `json:"minReadySeconds"`
	ProgressDeadlineSeconds *int32                    `json:"progressDeadlineSeconds"`
	// Key is the label that the template gains.
	Key string `json:"key"`
}

// The settings while the update is held, in seconds. The API server wants the deadline above minReadySeconds.
const (
	heldMinReady         = 24 * 3600
	heldProgressDeadline = 2 * heldMinReady
)

// readHeld returns what a Deployment's settings were before it was held, nil when it is not.
func readHeld(d *appsv1.Deployment) (*held, error) {
	text := d.Annotations[release.AnnotationHeld]
	if text == "" {
		return nil, nil
	}
	before := &held{}
	if err := json.Unmarshal([]byte(text), before); err != nil {
		return nil, fmt.Errorf("deployment %s: annotation %s is unreadable: %w", d.Name, release.AnnotationHeld, err)
	}
	return before, nil
}

// holdFields returns the write that begins the held rolling update.
func holdFields(d *appsv1.Deployment, key, value string) (kube.Fields, error) {
	before := held{Strategy: d.Spec.Strategy, MinReadySeconds: d.Spec.MinReadySeconds, ProgressDeadlineSeconds: d.Spec.ProgressDeadlineSeconds, Key: key}
	text, err := json.Marshal(before)
	if err != nil {
		return nil, err
	}
	return kube.Annotate(map[string]string{release.AnnotationHeld: string(text)}).Merge(kube.Fields{"spec": map[string]any{
		"minReadySeconds":         heldMinReady,
		"progressDeadlineSeconds": heldProgressDeadline,
		"strategy":                map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxSurge": "100%", "maxUnavailable": 0}},
		"template":                map[string]any{"metadata": map[string]any{"labels": map[string]any{key: value}}},
	}}), nil
}

// restoreFields returns the write that ends it. With undo the template loses the label again, so that the old pods stay
// and the new ones go.
func restoreFields(before *held, undo bool) kube.Fields {
	strategy := map[string]any{"type": string(before.Strategy.Type), "rollingUpdate": nil}
	if rolling := before.Strategy.RollingUpdate; rolling != nil {
		strategy["rollingUpdate"] = map[string]any{"maxSurge": rolling.MaxSurge, "maxUnavailable": rolling.MaxUnavailable}
	}
	spec := map[string]any{
		"minReadySeconds":         before.MinReadySeconds,
		"progressDeadlineSeconds": before.ProgressDeadlineSeconds,
		"strategy":                strategy,
	}
	if undo {
		spec["template"] = map[string]any{"metadata": map[string]any{"labels": map[string]any{before.Key: nil}}}
	}
	return kube.Annotate(map[string]string{release.AnnotationHeld: ""}).Merge(kube.Fields{"spec": spec})
}

// unhold gives an object that was read of a held Deployment its own settings back: a new side must not be held too.
func unhold(object *unstructured.Unstructured, d *appsv1.Deployment) error {
	before, err := readHeld(d)
	if err != nil || before == nil {
		return err
	}
	patch, err := json.Marshal(restoreFields(before, false))
	if err != nil {
		return err
	}
	live, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	own, err := jsonpatch.MergePatch(live, patch)
	if err != nil {
		return err
	}
	return object.UnmarshalJSON(own)
}

// ownMinReady returns the Deployment's minReadySeconds, as it is when the Deployment is not held.
func ownMinReady(d *appsv1.Deployment) int32 {
	if before, err := readHeld(d); err == nil && before != nil {
		return before.MinReadySeconds
	}
	return d.Spec.MinReadySeconds
}

// adoptSteps returns the steps that give a lone Deployment and its Services a slot; none when they have one.
func (a *actor) adoptSteps(p *pair) ([]release.Step, []string, error) {
	d := p.Active.Deployment
	before, err := readHeld(d)
	if err != nil {
		return nil, nil, exit.Errorf(exit.Refused, "%w", err)
	}
	if !p.Adopt && before == nil {
		return nil, nil, nil
	}
	var steps []release.Step
	var notes []string
	label := p.Key + "=" + p.Active.Value
	replaced := d.Spec.Template.Labels[p.Key] == "" || before != nil
	if replaced {
		steps = append(steps, a.holdStep(p), a.heldUpStep(p))
		notes = append(notes, fmt.Sprintf("the pods of deployment %s carry no label %q yet: they are replaced by a rolling update that keeps every old pod "+
			"until the new ones are ready and the Service has left the old ones, so no request is lost; it needs room for twice the size", d.Name, p.Key))
	} else {
		notes = append(notes, fmt.Sprintf("service %s gains %s: all its pods carry that label already, so it goes on selecting the same pods",
			p.Primary.Name, label))
	}
	steps = append(steps, a.adoptServicesStep(p))
	if replaced {
		steps = append(steps, a.drainOlderStep(p), a.restoreStep(p), a.waitFullStep("await-adopted", d.Name, 0, nil))
	}
	return steps, notes, nil
}

func (a *actor) holdStep(p *pair) release.Step {
	name, key, value := p.Active.name(), p.Key, p.Active.Value
	var commands []string
	if fields, err := holdFields(p.Active.Deployment, key, value); err == nil && p.Active.Deployment.Annotations[release.AnnotationHeld] == "" {
		commands = append(commands, fields.Command("deployment/"+name, a.client.Namespace))
	}
	return release.Step{
		ID: "hold", Text: fmt.Sprintf("give the pods of deployment %s the label %s=%s, new pods beside the old", name, key, value),
		Commands: commands,
		Do: func(ctx context.Context) (string, error) {
			return "", a.updateDeployment(ctx, name, func(live *appsv1.Deployment) (kube.Fields, error) {
				if live.Annotations[release.AnnotationHeld] != "" || live.Spec.Template.Labels[key] == value {
					return nil, nil
				}
				return holdFields(live, key, value)
			})
		},
	}
}

// heldUpStep waits until the new pods are all ready. They never become available, so readiness is counted here.
func (a *actor) heldUpStep(p *pair) release.Step {
	name := p.Active.name()
	return release.Step{
		ID: "await-labelled", Text: fmt.Sprintf("wait until the labelled pods of deployment %s are ready at full size", name), Waits: true,
		Do: func(ctx context.Context) (string, error) {
			detail := ""
			// The Deployment's own counts are of no use here: its new pods never count as available while it is held.
			wait := release.WaitFor{Client: a.client, Namespace: a.client.Namespace, Deployment: name, Progress: func(string) {},
				Done: func(seen release.Awaited) (bool, error) {
					before, err := readHeld(seen.Deployment)
					if err != nil || before == nil {
						return err == nil, err
					}
					ready, want := countAvailable(seen.Pods, before.MinReadySeconds, a.client.Now()), int(ptr.Deref(seen.Deployment.Spec.Replicas, 1))
					if now := fmt.Sprintf("%d of %d labelled pods are ready", ready, want); now != detail {
						detail = now
						a.progress(detail)
					}
					return ready >= want, nil
				}}
			return detail, wait.Wait(ctx)
		},
	}
}

func countAvailable(pods []corev1.Pod, minReadySeconds int32, now time.Time) int {
	available := 0
	for i := range pods {
		if workload.PodAvailable(&pods[i], minReadySeconds, now) {
			available++
		}
	}
	return available
}

// adoptServicesStep makes the Services select the label. It is judged like a switch: the pods must be there first.
func (a *actor) adoptServicesStep(p *pair) release.Step {
	names, key, value, deployment := p.serviceNames(), p.Key, p.Active.Value, p.Active.name()
	var commands []string
	for _, name := range names {
		commands = append(commands, selectSlot(key, value).Command("service/"+name, a.client.Namespace))
	}
	return release.Step{
		ID: "adopt-services", Text: fmt.Sprintf("let service %s select %s=%s too", strings.Join(names, ", "), key, value), Commands: commands,
		Do: func(ctx context.Context) (string, error) {
			judge := func(ctx context.Context) (*facts, error) {
				f, err := a.readFacts(ctx, names, key, value, deployment, "")
				if err != nil || a.dry() {
					return f, err
				}
				// While the update is held the Deployment is in the middle of its rollout by intent.
				why := append(append(f.tooSmall(), f.foreign()...), missingPorts(f)...)
				return f, refuseStep("the Service would lose endpoints", why)
			}
			return "", a.repoint(ctx, key, "", value, judge, func(*corev1.Service) kube.Fields { return nil })
		},
	}
}

// drainOlderStep waits until the unlabelled pods have no endpoints, and for the propagation delay.
func (a *actor) drainOlderStep(p *pair) release.Step {
	name, delay := p.Active.name(), a.drainDelay(p)
	return release.Step{
		ID: "drain-unlabelled", Text: fmt.Sprintf("wait until nothing routes to the unlabelled pods of deployment %s, then %s", name, delay), Waits: true,
		Do: func(ctx context.Context) (string, error) {
			pods, err := a.podsOf(ctx, name, true)
			if err != nil || len(pods) == 0 {
				return "there are none", err
			}
			return fmt.Sprintf("%d pods drained", len(pods)), release.Drain(ctx, a.client, a.client.Namespace, pods, nil, delay)
		},
	}
}

func (a *actor) restoreStep(p *pair) release.Step {
	name := p.Active.name()
	return release.Step{
		ID: "restore", Text: fmt.Sprintf("put the rollout settings of deployment %s back, which ends the unlabelled pods", name),
		Commands: []string{fmt.Sprintf("kubectl edit deployment %s -n %s   # strategy, minReadySeconds, progressDeadlineSeconds as they were", name, a.client.Namespace)},
		Do:       func(ctx context.Context) (string, error) { return "", a.restore(ctx, name) },
	}
}

// restore ends a held rolling update; without one it does nothing. While no Service depends on the label, the update is
// undone; as soon as one does, the labelled pods are the ones to keep.
func (a *actor) restore(ctx context.Context, name string) error {
	return a.updateDeployment(ctx, name, func(live *appsv1.Deployment) (kube.Fields, error) {
		before, err := readHeld(live)
		if err != nil || before == nil {
			return nil, err
		}
		depended, err := a.anyServiceSelects(ctx, before.Key, live.Spec.Template.Labels)
		return restoreFields(before, !depended), err
	})
}

// anyServiceSelects tells whether a Service selects pods with the labels by the key.
func (a *actor) anyServiceSelects(ctx context.Context, key string, labels map[string]string) (bool, error) {
	all, err := kube.List[corev1.Service](ctx, metav1.ListOptions{}, a.client.Typed.CoreV1().Services(a.client.Namespace).List)
	return slices.ContainsFunc(all, func(service corev1.Service) bool {
		return service.Spec.Selector[key] != "" && traffic.Selects(service.Spec.Selector, labels)
	}), err
}
