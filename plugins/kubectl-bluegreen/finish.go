package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
	"github.com/kubectl-switchyard/switchyard/pkg/traffic"
	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// ending says how a side is taken out of service.
type ending struct {
	Keep   cli.KeepFor
	Delete bool
	Ignore []string
	// Preview and Held are set when the release that plans it makes a preview, and holds the HPA of the side that goes.
	Preview, Held bool
}

func (e *ending) add(fs *pflag.FlagSet) {
	fs.BoolVar(&e.Delete, "delete", false, "delete the old Deployment, and the HPA and PDB that were made for it, instead of scaling it to 0")
	fs.StringSliceVar(&e.Ignore, "ignore-service", nil, "a `SERVICE` that may go on selecting the side that goes; repeatable")
}

func newFinish(env *cli.Env) *cobra.Command {
	var flags actFlags
	end := ending{}
	cmd := actingVerb(env, "finish SERVICE [SERVICE...]", "End the way back: scale the old side down",
		`Scale every side without traffic down to 0, or delete it. Before that, everything that leads to its pods is read again
(Services, and the Ingresses and HTTPRoutes in front of them), its endpoints are seen gone, and the drain delay passes.
With --keep-old=10m it first waits until the switch is 10 minutes old.`,
		`  kubectl bluegreen finish hello
  kubectl bluegreen finish hello --keep-old=10m --yes
  kubectl bluegreen finish hello --delete`,
		func(cmd *cobra.Command, args []string) error {
			a, err := newActor(cmd.Context(), env, flags, args)
			if err != nil {
				return err
			}
			return a.act(cmd.Context(), "finish", func(ctx context.Context) (*operation, error) { return a.planFinish(ctx, end) })
		})
	flags.add(cmd.Flags())
	end.add(cmd.Flags())
	cmd.Flags().Var(&end.Keep, "keep-old", "keep the old side this long after the switch: forever, 0s, or a duration such as 10m")
	return cmd
}

func (a *actor) planFinish(ctx context.Context, end ending) (*operation, error) {
	w, p, err := a.read(ctx)
	if err != nil {
		return nil, err
	}
	if underway(p.Record) {
		return nil, exit.Errorf(exit.Refused, "release %s of %s is %s, so neither side can go; end it with abort, or go on with kubectl bluegreen %s %s; nothing was changed",
			p.Record.ID, p.Record.By, p.Record.Phase, resumeVerb(p.Record), p.Primary.Name)
	}
	if p.Adopt && len(p.Slots) == 1 {
		return a.unchanged(p, "finish", fmt.Sprintf("service %s has only one side, deployment %s: there is nothing to finish", p.Primary.Name, p.Active.name())), nil
	}
	if !p.settled(p.Active.Value) {
		return nil, exit.Errorf(exit.Refused, "the services %s do not all select %s=%s; finish the switch first (kubectl bluegreen switch %s --to %s); nothing was changed",
			strings.Join(p.serviceNames(), ", "), p.Key, p.Active.Value, p.Primary.Name, p.Active.Value)
	}
	steps, objects, err := a.finishSteps(w, p, end, p.idle())
	if err != nil {
		return nil, err
	}
	if len(steps) == 0 && p.Record == nil {
		return a.unchanged(p, "finish", fmt.Sprintf("service %s: no side without traffic has any pods", p.Primary.Name)), nil
	}
	op := &operation{objects: objects, result: result{Operation: "finish", Result: resultDone, Namespace: a.client.Namespace, Services: p.serviceNames(), SlotKey: p.Key,
		To: p.Active.Value, Active: p.Active.Value, text: fmt.Sprintf("service/%s finished: only %s=%s (deployment %s) is left", p.Primary.Name, p.Key, p.Active.Value, p.Active.name())}}
	op.plan.Title = fmt.Sprintf("finish service %s in namespace %s, which is on %s (deployment %s):", p.Primary.Name, a.client.Namespace, p.Active.Value, p.Active.name())
	if end.Keep.Forever {
		op.result.text = fmt.Sprintf("service/%s finished: the old side is kept at full size", p.Primary.Name)
	}
	op.patience = end.Keep.For
	op.plan.Steps = append(steps, a.closeStep(p, "finish", resultDone))
	op.plan.Warnings = w.unread()
	return op, nil
}

func resumeVerb(record *release.Record) string {
	if record.Operation == "prepare" {
		return "switch"
	}
	return record.Operation
}

// afterMove is the ending of a side that the traffic leaves in the same plan. A dry run has not moved it, so there the
// Services that would have moved are not held against the side.
func (a *actor) afterMove(end ending, p *pair) ending {
	if a.dry() {
		end.Ignore = append(slices.Clone(end.Ignore), p.serviceNames()...)
	}
	return end
}

// finishSteps are the steps that take slots without traffic out of service.
func (a *actor) finishSteps(w *world, p *pair, end ending, slots []*slot) ([]release.Step, []*unstructured.Unstructured, error) {
	if end.Keep.Forever {
		return nil, nil, nil
	}
	var steps []release.Step
	var objects []*unstructured.Unstructured
	if preview := w.service(a.client.Namespace, previewName(p.Primary)); preview == nil && end.Preview || preview != nil && isPreview(preview) {
		steps = append(steps, a.deleteStep("delete-preview", services, previewName(p.Primary)))
	}
	kept := false
	for _, s := range slots {
		if s.Deployment == nil {
			continue
		}
		if s.size() == 0 && s.Deployment.Status.Replicas == 0 && !end.Delete {
			steps = append(steps, a.unheldSteps(w, s, end.Held)...)
			continue
		}
		if owner, owned := workload.GitOpsOwner(s.Deployment.Labels, s.Deployment.Annotations, s.Deployment.ManagedFields); owned && !a.mayTouchManaged() {
			return nil, nil, exit.Errorf(exit.Refused, "deployment %s is managed by %s (%s), which would scale it up again; commit replicas: 0 instead, or pass --allow-gitops; nothing was changed",
				s.name(), owner.Tool, owner.Evidence)
		}
		if !kept && end.Keep.For > 0 && p.Record != nil && p.Record.SwitchedAt != nil {
			steps, kept = append(steps, a.keepStep(p.Record.SwitchedAt.Add(end.Keep.For))), true
		}
		steps = append(steps, a.shrinkSteps(w, p, s, end)...)
		small := s.Deployment.DeepCopy()
		small.APIVersion, small.Kind, small.Spec.Replicas = "apps/v1", "Deployment", ptr.To(int32(0))
		if object := forGit(small); object != nil && !end.Delete {
			objects = append(objects, clean(object))
		}
	}
	return steps, objects, nil
}

func (a *actor) keepStep(until time.Time) release.Step {
	return release.Step{
		ID: "keep-old", Text: fmt.Sprintf("keep the old side until %s", until.UTC().Format(time.RFC3339)), Waits: true,
		Do: func(ctx context.Context) (string, error) { return "", release.Sleep(ctx, until.Sub(a.client.Now())) },
	}
}

// shrinkSteps take one slot out of service: nothing must lead to it, its endpoints are gone, the delay has passed.
func (a *actor) shrinkSteps(w *world, p *pair, s *slot, end ending) []release.Step {
	name, delay := s.name(), a.drainDelay(p)
	steps := []release.Step{{
		ID: "drain", Text: fmt.Sprintf("see that nothing leads to deployment %s any more, then wait %s for nodes and load balancers", name, delay), Waits: true,
		Do: func(ctx context.Context) (string, error) { return a.drain(ctx, name, end.Ignore, delay) },
	}}
	if end.Delete {
		return append(steps, a.removeSteps(w, s, end)...)
	}
	shrink := release.Step{
		ID: "shrink", Text: fmt.Sprintf("scale deployment %s to 0", name), Commands: []string{scaleCommand(a.client.Namespace, name, 0)},
		Do: func(ctx context.Context) (string, error) { return "", a.shrink(ctx, name, end.Ignore) },
	}
	return append(append(steps, shrink), a.unheldSteps(w, s, end.Held)...)
}

// unheldSteps give the HPA of a slot its own minimum back, when that is held, or will be by an earlier step.
func (a *actor) unheldSteps(w *world, s *slot, willBe bool) []release.Step {
	if hpa := w.autoscalerOf(s.Deployment); hpa != nil && (willBe || hpa.Annotations[release.AnnotationFloor] != "") {
		return []release.Step{a.unfloorStep(hpa.Name, s.name())}
	}
	return nil
}

func (a *actor) drain(ctx context.Context, deployment string, ignored []string, delay time.Duration) (string, error) {
	if err := a.unreferenced(ctx, deployment, ignored); err != nil {
		return "", err
	}
	pods, err := a.podsOf(ctx, deployment, false)
	if err != nil || len(pods) == 0 {
		return "it has no pods", err
	}
	previews, err := a.previews(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d pods have no endpoints", len(pods)), release.Drain(ctx, a.client, a.client.Namespace, pods, append(previews, ignored...), delay)
}

func (a *actor) previews(ctx context.Context) ([]string, error) {
	all, err := kube.List[corev1.Service](ctx, metav1.ListOptions{}, a.client.Typed.CoreV1().Services(a.client.Namespace).List)
	var names []string
	for i := range all {
		if isPreview(&all[i]) {
			names = append(names, all[i].Name)
		}
	}
	return names, err
}

// shrink scales a Deployment to 0 if nothing leads to it at this moment. An HPA rests at 0 replicas by design.
func (a *actor) shrink(ctx context.Context, deployment string, ignored []string) error {
	err := a.updateDeployment(ctx, deployment, func(live *appsv1.Deployment) (kube.Fields, error) {
		if ptr.Deref(live.Spec.Replicas, 1) == 0 {
			return nil, nil
		}
		if err := a.unreferenced(ctx, deployment, ignored); err != nil {
			return nil, err
		}
		return scaleTo(0), nil
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// removeSteps delete the Deployment, and before it what was made for it: that is found by the Deployment only.
func (a *actor) removeSteps(w *world, s *slot, end ending) []release.Step {
	name := s.name()
	var steps []release.Step
	if hpa := w.autoscalerOf(s.Deployment); hpa != nil && hpa.Annotations[release.AnnotationRelatedTo] != "" {
		steps = append(steps, a.deleteStep("delete-hpa", autoscalers, hpa.Name))
	} else { // it stays, with its own minimum
		steps = append(steps, a.unheldSteps(w, s, end.Held)...)
	}
	for _, budget := range workload.Budgets(s.Deployment.Spec.Template.Labels, w.Budgets) {
		if budget.Namespace == a.client.Namespace && budget.Annotations[release.AnnotationRelatedTo] != "" {
			steps = append(steps, a.deleteStep("delete-pdb", budgets, budget.Name))
		}
	}
	return append(steps, release.Step{
		ID: "delete-old", Text: fmt.Sprintf("delete deployment %s", name), Commands: []string{fmt.Sprintf("kubectl delete deployment %s -n %s", name, a.client.Namespace)},
		Do: func(ctx context.Context) (string, error) {
			if err := a.unreferenced(ctx, name, end.Ignore); err != nil {
				return "", err
			}
			return a.delete(ctx, deployments, name)
		},
	})
}

func (a *actor) deleteStep(id string, kind schema.GroupVersionResource, name string) release.Step {
	singular := strings.TrimSuffix(kind.Resource, "s")
	return release.Step{
		ID: id, Text: fmt.Sprintf("delete %s %s, which was made for this release", singular, name),
		Commands: []string{fmt.Sprintf("kubectl delete %s %s -n %s", singular, name, a.client.Namespace)},
		Do:       func(ctx context.Context) (string, error) { return a.delete(ctx, kind, name) },
	}
}

// delete deletes the object as it is now; one that changes meanwhile stays, and the step is repeated.
func (a *actor) delete(ctx context.Context, kind schema.GroupVersionResource, name string) (string, error) {
	objects := a.client.Dynamic.Resource(kind).Namespace(a.client.Namespace)
	for try := 1; ; try++ {
		live, err := objects.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return "it is gone", nil
		}
		if err != nil {
			return "", err
		}
		err = objects.Delete(ctx, name, metav1.DeleteOptions{DryRun: a.DryRun.WriteOptions(), PropagationPolicy: ptr.To(metav1.DeletePropagationBackground),
			Preconditions: &metav1.Preconditions{UID: ptr.To(live.GetUID()), ResourceVersion: ptr.To(live.GetResourceVersion())}})
		if !apierrors.IsConflict(err) || try == conflictTries {
			return "", err
		}
	}
}

// unreferenced returns an error when anything but a preview leads to the Deployment's pods now.
func (a *actor) unreferenced(ctx context.Context, deployment string, ignored []string) error {
	typed, namespace := a.client.Typed, a.client.Namespace
	d, err := typed.AppsV1().Deployments(namespace).Get(ctx, deployment, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var all []corev1.Service
	var ingresses []networkingv1.Ingress
	var routes []gatewayv1.HTTPRoute
	var unread [2]string
	group, ctx := errgroup.WithContext(ctx)
	fetch(group, &all, nil, func() ([]corev1.Service, error) {
		return kube.List[corev1.Service](ctx, metav1.ListOptions{}, typed.CoreV1().Services(namespace).List)
	})
	fetch(group, &ingresses, &unread[0], func() ([]networkingv1.Ingress, error) {
		return kube.List[networkingv1.Ingress](ctx, metav1.ListOptions{}, typed.NetworkingV1().Ingresses(namespace).List)
	})
	fetch(group, &routes, &unread[1], func() ([]gatewayv1.HTTPRoute, error) { return a.routes(ctx) })
	if err := group.Wait(); err != nil {
		return err
	}
	a.tellUnread("ingresses", unread[0])
	a.tellUnread("httproutes", unread[1])
	var leading []string
	for _, referrer := range traffic.Referrers(d.Spec.Template.Labels, all, ingresses, routes) {
		service := (&world{Services: all}).service(namespace, referrer.Service)
		if !isPreview(service) && !slices.Contains(ignored, referrer.Service) {
			leading = append(leading, referrer.String())
		}
	}
	if len(leading) > 0 {
		return exit.Errorf(exit.Refused, "deployment %s still gets traffic from %s; it stays as it is. Move that first, or pass --ignore-service",
			deployment, strings.Join(leading, ", "))
	}
	return nil
}

// tellUnread says once that something was not looked at. A kind that the cluster does not have leads nowhere.
func (a *actor) tellUnread(kind, reason string) {
	if reason == "" || reason == kube.NotServed || slices.Contains(a.toldUnread, kind) {
		return
	}
	a.toldUnread = append(a.toldUnread, kind)
	a.messages.Warnf("%s not checked: %s", kind, reason)
}

// routes reads the namespace's HTTPRoutes; the kind is not part of every cluster.
func (a *actor) routes(ctx context.Context) ([]gatewayv1.HTTPRoute, error) {
	kind := schema.GroupVersionResource{Group: gatewayv1.GroupName, Version: "v1", Resource: "httproutes"}
	raw, err := kube.List[unstructured.Unstructured](ctx, metav1.ListOptions{}, a.client.Dynamic.Resource(kind).Namespace(a.client.Namespace).List)
	if err != nil {
		return nil, err
	}
	var routes []gatewayv1.HTTPRoute
	for _, object := range raw {
		var route gatewayv1.HTTPRoute
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &route); err != nil {
			return nil, err
		}
		routes = append(routes, route)
	}
	return routes, nil
}

// closeStep ends the release in the journal.
func (a *actor) closeStep(p *pair, verb, outcome string) release.Step {
	record := release.Record{ID: release.NewID(), By: a.by, To: p.Active.Value, From: p.Active.Value}
	if p.Record != nil {
		record = *p.Record
	}
	return release.Step{
		ID: "close", Text: fmt.Sprintf("close the release in the journal of service %s", p.Primary.Name),
		Do: func(ctx context.Context) (string, error) {
			entry := a.entryOf(record, verb, outcome, "")
			entry.By = a.by
			a.events.Normal(ctx, "ReleaseClosed", "%s: %s %s (release %s)", a.by, verb, outcome, record.ID)
			return "", a.conclude(ctx, entry, nil)
		},
	}
}
