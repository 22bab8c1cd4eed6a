package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-switchyard/switchyard/pkg/release"
	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// companions adds the new side's HPA and PDBs when the active one has them, and the preview.
func (a *actor) companions(ctx context.Context, w *world, p *pair, idle *idlePlan, from source) error {
	if hpa := w.uncopied(p, idle.name); hpa != nil {
		if err := a.cloneAutoscaler(ctx, p, idle, hpa); err != nil {
			return err
		}
	} else if hpa := w.autoscalerOf(p.Active.Deployment); hpa != nil && w.autoscalerFor(p.Primary.Namespace, idle.name) == nil {
		keda, _ := workload.KedaOwned(hpa)
		idle.warnings = append(idle.warnings, fmt.Sprintf("deployment %s is scaled by KEDA (%s): it may shrink once it has no traffic; deployment %s gets no scaler of its own and keeps its size",
			p.Active.name(), keda, idle.name))
	}
	if err := a.cloneBudgets(ctx, w, p, idle); err != nil {
		return err
	}
	if from.Preview && w.service(a.client.Namespace, previewName(p.Primary)) == nil {
		preview := forGit(previewService(p, idle.slot.Value))
		idle.objects = append(idle.objects, preview)
		// The preview comes first: load-balancer readiness gates only reach pods that are made after a Service selects them.
		idle.steps = append([]release.Step{a.createStep("create-preview", fmt.Sprintf("that leads to %s=%s", p.Key, idle.slot.Value), services, preview)}, idle.steps...)
	}
	return nil
}

func (a *actor) cloneAutoscaler(ctx context.Context, p *pair, idle *idlePlan, hpa *autoscalingv2.HorizontalPodAutoscaler) error {
	raw, err := a.client.Dynamic.Resource(autoscalers).Namespace(a.client.Namespace).Get(ctx, hpa.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	own := int(ptr.Deref(hpa.Spec.MinReplicas, 1))
	if kept, err := strconv.Atoi(hpa.Annotations[release.AnnotationFloor]); err == nil {
		own = kept
	}
	floor := max(wantReplicas(p), int32(own))
	clone, notes, err := workload.CloneHPA(raw, idle.name, idle.name, floor)
	if err != nil {
		return err
	}
	idle.notes = append(idle.notes, notes...)
	clone.SetAnnotations(map[string]string{release.AnnotationFloor: strconv.Itoa(own)})
	idle.objects = append(idle.objects, clone)
	idle.steps = append(idle.steps, a.createStep("create-hpa", fmt.Sprintf("like %s, held at a minimum of %d until the switch", hpa.Name, floor), autoscalers, clone))
	return nil
}

func (a *actor) cloneBudgets(ctx context.Context, w *world, p *pair, idle *idlePlan) error {
	labels := p.Active.Deployment.Spec.Template.Labels
	taken := map[string]bool{}
	for _, budget := range w.Budgets {
		taken[budget.Name] = budget.Namespace == a.client.Namespace
	}
	for _, budget := range workload.Budgets(labels, w.Budgets) {
		ours := budget.Namespace == a.client.Namespace && budget.Spec.Selector != nil && budget.Spec.Selector.MatchLabels[p.Key] == p.Active.Value
		name := workload.IdleName(budget.Name, p.Active.Value, idle.slot.Value)
		if !ours || taken[name] {
			continue
		}
		raw, err := a.client.Dynamic.Resource(budgets).Namespace(a.client.Namespace).Get(ctx, budget.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		clone, notes, err := workload.ClonePDB(raw, name, p.Key, idle.slot.Value)
		if errors.Is(err, workload.ErrAlreadyCovered) {
			continue
		}
		if err != nil {
			return err
		}
		idle.notes = append(idle.notes, notes...)
		idle.objects = append(idle.objects, clone)
		idle.steps = append(idle.steps, a.createStep("create-pdb", "like "+budget.Name, budgets, clone))
	}
	return nil
}
