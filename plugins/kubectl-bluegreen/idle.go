package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
	"github.com/kubectl-switchyard/switchyard/pkg/traffic"
	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// The kinds that are read and created whole, so that no field is lost which this build does not know.
var (
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	autoscalers = schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}
	budgets     = schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}
	services    = schema.GroupVersionResource{Version: "v1", Resource: "services"}
)

// idlePlan is how the new side is brought up.
type idlePlan struct {
	slot *slot
	// manifest is set when the new side comes from the user's own manifest.
	manifest bool
	// name is the Deployment's.
	name string
	// images are the new side's, by container.
	images map[string]string
	// adopt are the steps that give a lone Deployment its slot; steps create or update the new side.
	adopt, steps []release.Step
	// replaces is set when the slot's Deployment gets another template.
	replaces bool
	// objects are what is created or changed, fit for Git.
	objects         []*unstructured.Unstructured
	notes, warnings []string
}

// planIdle works out how the new side comes up. It only reads.
func (a *actor) planIdle(ctx context.Context, w *world, p *pair, from source, manifest *unstructured.Unstructured) (*idlePlan, error) {
	target, err := a.idleSlot(p, from, manifest)
	if err != nil {
		return nil, err
	}
	active, err := a.client.Dynamic.Resource(deployments).Namespace(a.client.Namespace).Get(ctx, p.Active.name(), metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	// The clone is made from the active side as adoption will leave it.
	if err := unstructured.SetNestedField(active.Object, p.Active.Value, "spec", "template", "metadata", "labels", p.Key); err != nil {
		return nil, err
	}
	if err := unhold(active, p.Active.Deployment); err != nil {
		return nil, err
	}
	idle := &idlePlan{slot: target, manifest: manifest != nil}
	wanted, err := a.wantedIdle(p, target, active, from, manifest, idle)
	if err != nil {
		return nil, err
	}
	idle.name, idle.images = wanted.GetName(), containerImages(wanted)
	if err := a.checkIdle(w, p, idle); err != nil {
		return nil, err
	}
	if idle.adopt, idle.notes, err = a.withAdoption(p, idle); err != nil {
		return nil, err
	}
	if err := a.writeSteps(ctx, w, p, idle, wanted); err != nil {
		return nil, err
	}
	if err := a.checkRoom(ctx, p, idle, wanted); err != nil {
		return nil, err
	}
	if err := a.companions(ctx, w, p, idle, from); err != nil {
		return nil, err
	}
	a.remarkIdle(w, p, idle)
	return idle, nil
}

// idleSlot picks the slot: --to, the one that the manifest names, or the idle one.
func (a *actor) idleSlot(p *pair, from source, manifest *unstructured.Unstructured) (*slot, error) {
	to := from.To
	if manifest != nil {
		labels, _, _ := unstructured.NestedStringMap(manifest.Object, "spec", "template", "metadata", "labels")
		named := labels[p.Key]
		switch {
		case named == p.Active.Value:
			return nil, exit.Errorf(exit.Usage, "deployment %s in the manifest is of slot %s=%s, which has the traffic; give its pods another value", manifest.GetName(), p.Key, named)
		case to != "" && named != "" && named != to:
			return nil, exit.Errorf(exit.Usage, "--to %s: deployment %s in the manifest is of slot %s=%s", to, manifest.GetName(), p.Key, named)
		case to == "":
			to = named
		}
	}
	if to == p.Active.Value {
		return nil, exit.Errorf(exit.Usage, "--to %s: slot %s=%s has the traffic; the new version goes to another one", to, p.Key, to)
	}
	return p.target(to)
}

// wantedIdle makes the Deployment as it should be: the manifest's, or a clone of the active one.
func (a *actor) wantedIdle(p *pair, target *slot, active *unstructured.Unstructured, from source, manifest *unstructured.Unstructured, idle *idlePlan) (*unstructured.Unstructured, error) {
	if manifest != nil {
		return fromManifest(p, target, manifest, a.client.Namespace)
	}
	images, err := workload.ParseImages(from.Images)
	if err != nil {
		return nil, exit.Errorf(exit.Usage, "%w", err)
	}
	name := target.name()
	if name == "" {
		name = workload.IdleName(p.Active.name(), p.Active.Value, target.Value)
	}
	wanted, notes, err := workload.Clone(active, workload.CloneOptions{Name: name, SlotKey: p.Key, From: p.Active.Value, To: target.Value, Replicas: wantReplicas(p), Images: images})
	if err != nil {
		return nil, exit.Errorf(exit.Usage, "%w", err)
	}
	idle.warnings = append(idle.warnings, notes...)
	return wanted, nil
}

// fromManifest turns the user's Deployment into the idle one: in the slot, at the size of the serving side.
func fromManifest(p *pair, target *slot, manifest *unstructured.Unstructured, namespace string) (*unstructured.Unstructured, error) {
	wanted := manifest.DeepCopy()
	switch {
	case wanted.GetName() == p.Active.name():
		return nil, exit.Errorf(exit.Usage, "deployment %s in the manifest has the name of the active one; the new side needs a name of its own", wanted.GetName())
	case wanted.GetNamespace() != "" && wanted.GetNamespace() != namespace:
		return nil, exit.Errorf(exit.Usage, "deployment %s in the manifest is of namespace %q, the Service of %q", wanted.GetName(), wanted.GetNamespace(), namespace)
	case target.Deployment != nil && target.name() != wanted.GetName():
		return nil, exit.Errorf(exit.Usage, "slot %s=%s has deployment %s already, the manifest has %s", p.Key, target.Value, target.name(), wanted.GetName())
	}
	wanted.SetNamespace(namespace)
	fields := []struct {
		value any
		path  []string
	}{
		{int64(wantReplicas(p)), []string{"spec", "replicas"}},
		{target.Value, []string{"spec", "template", "metadata", "labels", p.Key}},
		{target.Value, []string{"spec", "selector", "matchLabels", p.Key}},
	}
	for _, field := range fields {
		if err := unstructured.SetNestedField(wanted.Object, field.value, field.path...); err != nil {
			return nil, exit.Errorf(exit.Usage, "deployment %s in the manifest: %w", wanted.GetName(), err)
		}
	}
	labels, _, _ := unstructured.NestedStringMap(wanted.Object, "spec", "template", "metadata", "labels")
	for _, service := range p.Services {
		for _, key := range slices.Sorted(maps.Keys(service.Spec.Selector)) {
			if value := service.Spec.Selector[key]; key != p.Key && labels[key] != value {
				return nil, exit.Errorf(exit.Usage, "the pods of deployment %s in the manifest lack the label %s=%s that service %s selects", wanted.GetName(), key, value, service.Name)
			}
		}
	}
	return wanted, nil
}

// containerImages returns the images by container name.
func containerImages(d *unstructured.Unstructured) map[string]string {
	images := map[string]string{}
	containers, _, _ := unstructured.NestedSlice(d.Object, "spec", "template", "spec", "containers")
	for _, item := range containers {
		container, _ := item.(map[string]any)
		name, _ := container["name"].(string)
		images[name], _ = container["image"].(string)
	}
	return images
}

// checkIdle refuses to touch an idle side that is not idle, or not ours.
func (a *actor) checkIdle(w *world, p *pair, idle *idlePlan) error {
	var why []string
	if !p.Adopt && !p.settled(p.Active.Value) && (p.Record == nil || p.Record.To != p.Active.Value) {
		why = append(why, fmt.Sprintf("the services are on different slots (%s); let them agree first, with switch --to", slotsOfServices(p)))
	}
	for _, object := range []*appsv1.Deployment{idle.slot.Deployment, adopted(p)} {
		if object == nil {
			continue
		}
		if owner, owned := workload.GitOpsOwner(object.Labels, object.Annotations, object.ManagedFields); owned && !a.mayTouchManaged() {
			why = append(why, fmt.Sprintf("deployment %s is managed by %s (%s), which would change it back; commit the change instead, or pass --allow-gitops",
				object.Name, owner.Tool, owner.Evidence))
		}
	}
	if p.Adopt {
		why = append(why, a.gitOpsRefusal(p, move{key: p.Key, to: p.Active.Value})...)
	}
	return refuse("prepare "+idle.name+" refused", why)
}

// adopted returns the active Deployment when adoption is going to write it.
func adopted(p *pair) *appsv1.Deployment {
	if p.Adopt && p.Active.Deployment.Spec.Template.Labels[p.Key] == "" {
		return p.Active.Deployment
	}
	return nil
}

func (a *actor) withAdoption(p *pair, idle *idlePlan) ([]release.Step, []string, error) {
	steps, notes, err := a.adoptSteps(p)
	if err != nil {
		return nil, nil, err
	}
	if p.Active.Deployment.Spec.Paused && len(steps) > 0 {
		return nil, nil, exit.Errorf(exit.Refused, "deployment %s is paused, so its pods cannot get a slot label; resume it first (kubectl rollout resume deployment %s); nothing was changed",
			p.Active.name(), p.Active.name())
	}
	return steps, append(idle.notes, notes...), nil
}

// writeSteps adds the step that creates or updates the Deployment.
func (a *actor) writeSteps(ctx context.Context, w *world, p *pair, idle *idlePlan, wanted *unstructured.Unstructured) error {
	live, err := a.client.Dynamic.Resource(deployments).Namespace(a.client.Namespace).Get(ctx, idle.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		idle.objects = append(idle.objects, wanted)
		if left := w.autoscalerFor(a.client.Namespace, idle.name); left != nil { // of a Deployment that was deleted
			idle.steps = append(idle.steps, a.floorStep(left, idle.name, p.Active.name(), wantReplicas(p)))
		}
		idle.steps = append(idle.steps, a.createStep("create-idle", fmt.Sprintf("with %d replicas of %s", wantReplicas(p), imageText(idle.images)), deployments, wanted))
		return nil
	}
	if err != nil {
		return err
	}
	if idle.slot.Deployment == nil {
		return exit.Errorf(exit.Refused, "deployment %s exists already and is not of slot %s=%s of service %s; choose another slot with --to; nothing was changed",
			idle.name, p.Key, idle.slot.Value, p.Primary.Name)
	}
	hpa := w.autoscalerOf(idle.slot.Deployment)
	fields, err := idleFields(live, wanted, hpa != nil && idle.slot.size() > 0)
	if err != nil {
		return err
	}
	if idle.manifest && a.DryRun != cli.DryRunClient {
		if fields, err = a.servedFields(ctx, live, fields, hpa != nil && idle.slot.size() > 0); err != nil {
			return err
		}
	}
	merged := live.DeepCopy()
	merged.Object["spec"] = wanted.Object["spec"]
	idle.objects = append(idle.objects, clean(merged))
	_, retemplated := specOf(fields)["template"]
	idle.replaces = retemplated
	if retemplated && idle.slot.Deployment.Status.Replicas > 0 && (unselected(w, idle.slot.Deployment) || len(a.settleSteps(p)) > 0) {
		idle.steps = append(idle.steps, a.clearStep(p, idle.name))
	}
	if hpa := w.holdable(idle.slot.Deployment); hpa != nil {
		idle.steps = append(idle.steps, a.floorStep(hpa, idle.name, p.Active.name(), wantReplicas(p)))
	}
	if len(fields) > 0 {
		idle.steps = append(idle.steps, a.updateIdleStep(p, idle, retemplated, wanted, hpa != nil))
	}
	return nil
}

// servedFields is what fields really change: a manifest lacks what the API server fills in, which looks like a change, and
// would end pods that are as they should be. The server is asked, on a dry run.
func (a *actor) servedFields(ctx context.Context, live *unstructured.Unstructured, fields kube.Fields, ownedReplicas bool) (kube.Fields, error) {
	patch, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	served, err := a.client.Dynamic.Resource(deployments).Namespace(a.client.Namespace).Patch(ctx, live.GetName(), types.MergePatchType, patch, kube.PatchOptions(true))
	if err != nil {
		return nil, err
	}
	return idleFields(live, served, ownedReplicas)
}

func specOf(fields kube.Fields) map[string]any {
	spec, _ := fields["spec"].(map[string]any)
	return spec
}

// unselected tells whether no Service but a preview leads to the Deployment's pods.
func unselected(w *world, d *appsv1.Deployment) bool {
	for i := range w.Services {
		service := &w.Services[i]
		if service.Namespace == d.Namespace && !isPreview(service) && traffic.Selects(service.Spec.Selector, d.Spec.Template.Labels) {
			return false
		}
	}
	return true
}

// clearStep ends the idle side's old pods before it gets a new template, so that the new ones come up all at once and
// not by a rolling update, which would take a pod's start-up time for every quarter of them.
func (a *actor) clearStep(p *pair, name string) release.Step {
	return release.Step{
		ID: "clear-idle", Text: fmt.Sprintf("end the old pods of deployment %s, which has no traffic", name), Commands: []string{scaleCommand(a.client.Namespace, name, 0)},
		Do: func(ctx context.Context) (string, error) {
			if !a.dry() {
				if _, err := a.drain(ctx, name, nil, a.restOfDelay(p)); err != nil {
					return "", err
				}
			}
			return "", a.shrink(ctx, name, nil)
		},
	}
}

// restOfDelay is the drain delay, unless the traffic left the idle side so long ago that a difference between two clocks
// does not matter any more.
func (a *actor) restOfDelay(p *pair) time.Duration {
	const clocks = time.Minute
	moved := movedAt(p)
	if moved == nil || a.client.Now().Sub(moved.Time) > a.drainDelay(p)+clocks {
		return 0
	}
	return a.drainDelay(p)
}

// idleFields is the write that makes the live idle Deployment's spec the wanted one. Its own selector stays, as it must,
// and with it the labels that it selects. ownedReplicas leaves the replicas to an HPA.
func idleFields(live, wanted *unstructured.Unstructured, ownedReplicas bool) (kube.Fields, error) {
	before, _, err := unstructured.NestedMap(live.Object, "spec")
	if err != nil {
		return nil, err
	}
	after, _, err := unstructured.NestedMap(wanted.Object, "spec")
	if err != nil {
		return nil, err
	}
	after["selector"] = before["selector"]
	keep, _, _ := unstructured.NestedStringMap(live.Object, "spec", "selector", "matchLabels")
	for key, value := range keep {
		if err := unstructured.SetNestedField(after, value, "template", "metadata", "labels", key); err != nil {
			return nil, err
		}
	}
	if ownedReplicas {
		after["replicas"] = before["replicas"]
	}
	return kube.Difference(map[string]any{"spec": before}, map[string]any{"spec": after})
}

// updateIdleStep writes what differs. Its commands name the images and the size only: a template may hold values that
// nobody wants on a screen.
func (a *actor) updateIdleStep(p *pair, idle *idlePlan, retemplated bool, wanted *unstructured.Unstructured, scaled bool) release.Step {
	name := idle.name
	step := release.Step{ID: "update-idle", Text: fmt.Sprintf("scale deployment %s to %d", name, wantReplicas(p))}
	if retemplated {
		step.Text = fmt.Sprintf("update deployment %s to %d replicas of %s, with everything else as planned", name, wantReplicas(p), imageText(idle.images))
		step.Commands = append(step.Commands, fmt.Sprintf("kubectl set image deployment/%s -n %s %s", name, a.client.Namespace, strings.ReplaceAll(imageText(idle.images), ",", " ")))
	}
	step.Commands = append(step.Commands, scaleCommand(a.client.Namespace, name, wantReplicas(p)))
	step.Do = func(ctx context.Context) (string, error) {
		return "", a.updateDeployment(ctx, name, func(now *appsv1.Deployment) (kube.Fields, error) {
			live, err := a.client.Dynamic.Resource(deployments).Namespace(a.client.Namespace).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return nil, err
			}
			return idleFields(live, wanted, scaled && ptr.Deref(now.Spec.Replicas, 1) > 0)
		})
	}
	return step
}

// createStep creates an object; one of that name that exists already is taken for its own when it was made for this
// Service, and for somebody else's otherwise.
func (a *actor) createStep(id, what string, kind schema.GroupVersionResource, object *unstructured.Unstructured) release.Step {
	singular := strings.TrimSuffix(kind.Resource, "s")
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[release.AnnotationRelatedTo] = a.primary
	object.SetAnnotations(annotations)
	return release.Step{
		ID: id, Text: fmt.Sprintf("create %s %s %s", singular, object.GetName(), what),
		Commands: []string{fmt.Sprintf("kubectl create -n %s -f -   # %s %s, see --dry-run=client -o yaml", a.client.Namespace, singular, object.GetName())},
		Do: func(ctx context.Context) (string, error) {
			objects := a.client.Dynamic.Resource(kind).Namespace(a.client.Namespace)
			_, err := objects.Create(ctx, object, kube.CreateOptions(a.dry()))
			if !apierrors.IsAlreadyExists(err) {
				return "", err
			}
			found, err := objects.Get(ctx, object.GetName(), metav1.GetOptions{})
			if err == nil && found.GetAnnotations()[release.AnnotationRelatedTo] != a.primary {
				err = exit.Errorf(exit.Conflict, "%s %s was created by somebody else in between", singular, object.GetName())
			}
			return "it is there already", err
		},
	}
}

// checkRoom refuses when the additional pods will not fit.
func (a *actor) checkRoom(ctx context.Context, p *pair, idle *idlePlan, wanted *unstructured.Unstructured) error {
	more := wantReplicas(p)
	if idle.slot.Deployment != nil {
		more -= idle.slot.Deployment.Status.Replicas
	}
	if len(idle.adopt) > 1 { // the held update doubles the active side first; the new side then needs what that gave back
		more = max(more, wantReplicas(p))
	}
	if more <= 0 {
		return nil
	}
	typed := &appsv1.Deployment{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(wanted.Object, typed); err != nil {
		return exit.Errorf(exit.Usage, "deployment %s: %w", idle.name, err)
	}
	room, err := a.room(ctx, typed.Spec.Template, more)
	if err != nil {
		return err
	}
	for _, text := range room.NotChecked {
		idle.notes = append(idle.notes, "room not checked: "+text)
	}
	if room.Fits {
		return nil
	}
	return refuse(fmt.Sprintf("there is no room for %d more pods of %s", more, idle.name), room.Short)
}

func (a *actor) remarkIdle(w *world, p *pair, idle *idlePlan) {
	idle.warnings = append(idle.warnings, selectorOverlap(w, p, idle.slot)...)
	for _, service := range p.Bystanders {
		idle.warnings = append(idle.warnings, fmt.Sprintf("service %s selects both slots (%s): the new pods get its traffic as soon as they are ready", service.Name,
			labelText(service.Spec.Selector)))
	}
	idle.warnings = append(idle.warnings, w.unread()...)
	if idle.replaces && p.Record != nil && p.Record.Phase == release.Switched && p.Record.From == idle.slot.Value {
		idle.notes = append(idle.notes, fmt.Sprintf("slot %s holds the version before this one; it is replaced, which ends the instant way back to it", idle.slot.Value))
	}
}

// clean drops what the server set, for Git.
func clean(object *unstructured.Unstructured) *unstructured.Unstructured {
	out := object.DeepCopy()
	for _, path := range [][]string{{"status"}, {"metadata", "managedFields"}, {"metadata", "uid"}, {"metadata", "resourceVersion"},
		{"metadata", "generation"}, {"metadata", "creationTimestamp"}} {
		unstructured.RemoveNestedField(out.Object, path...)
	}
	out.SetAnnotations(withoutOurs(out.GetAnnotations()))
	return out
}
