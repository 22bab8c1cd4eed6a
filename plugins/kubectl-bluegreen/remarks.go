package main

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// remarks are what a person should know before saying yes to a switch: notes about how the traffic will move, and
// warnings about what may go wrong.
func (a *actor) remarks(w *world, p *pair, target *slot) (notes, warnings []string) {
	for _, service := range p.Services {
		notes = append(notes, serviceNotes(service)...)
	}
	for _, service := range p.Bystanders {
		warnings = append(warnings, fmt.Sprintf("service %s selects both slots (%s): it is not switched", service.Name, labelText(service.Spec.Selector)))
	}
	if target != nil && target.Deployment != nil {
		warnings = append(warnings, sideWarnings(w, target)...)
	}
	for _, text := range workload.ShutdownWarnings(p.Active.Deployment.Spec.Template, a.drainDelay(p)) {
		notes = append(notes, fmt.Sprintf("deployment %s: %s", p.Active.name(), text))
	}
	return notes, append(warnings, w.unread()...)
}

// serviceNotes says in which way a Service's traffic does not move at once.
func serviceNotes(service *corev1.Service) []string {
	var notes []string
	if service.Spec.ClusterIP == corev1.ClusterIPNone {
		notes = append(notes, fmt.Sprintf("service %s is headless: clients that keep the addresses they once resolved stay on the old pods", service.Name))
	}
	if service.Spec.SessionAffinity == corev1.ServiceAffinityClientIP {
		notes = append(notes, fmt.Sprintf("service %s has session affinity ClientIP: every client moves to a pod of the new side, and its session with it only if state is shared", service.Name))
	}
	if service.Spec.PublishNotReadyAddresses {
		notes = append(notes, fmt.Sprintf("service %s publishes pods that are not ready too; it is switched only when all are available", service.Name))
	}
	if helm, managed := workload.HelmRelease(service.Labels, service.Annotations); managed {
		notes = append(notes, fmt.Sprintf("service %s is part of Helm release %q: its next upgrade puts back the selector that the chart says", service.Name, helm.Name))
	}
	if service.Spec.Type == corev1.ServiceTypeLoadBalancer {
		notes = append(notes, fmt.Sprintf("service %s is a LoadBalancer: its pool follows later than the cluster, some by minutes", service.Name))
	}
	return notes
}

// sideWarnings says what is peculiar about the Deployment of one slot.
func sideWarnings(w *world, s *slot) []string {
	var warnings []string
	d := s.Deployment
	if owner, owned := workload.GitOpsOwner(d.Labels, d.Annotations, d.ManagedFields); owned {
		warnings = append(warnings, fmt.Sprintf("deployment %s is managed by %s (%s)", d.Name, owner.Tool, owner.Evidence))
	}
	if hpa := w.autoscalerOf(d); hpa != nil {
		if keda, owned := workload.KedaOwned(hpa); owned {
			warnings = append(warnings, fmt.Sprintf("deployment %s is scaled by KEDA (%s)", d.Name, keda))
		}
	}
	return warnings
}

// selectorOverlap warns of an HPA or PDB that counts the pods of both sides because the Deployment's own selector
// matches them all; selectors cannot be changed (apps/v1).
func selectorOverlap(w *world, p *pair, target *slot) []string {
	d := p.Active.Deployment
	if d.Spec.Selector == nil || d.Spec.Selector.MatchLabels[p.Key] != "" {
		return nil
	}
	var counting []string
	if hpa := w.autoscalerOf(d); hpa != nil {
		counting = append(counting, "HPA "+hpa.Name+" averages the pods of both sides (kubernetes#116898)")
	}
	for _, budget := range workload.Budgets(d.Spec.Template.Labels, w.Budgets) {
		if budget.Namespace == d.Namespace && budget.Spec.Selector != nil && budget.Spec.Selector.MatchLabels[p.Key] == "" {
			counting = append(counting, "PDB "+budget.Name+" counts the pods of both sides")
		}
	}
	if len(counting) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("the selector of deployment %s lacks %q and matches the pods of slot %s too: %s", d.Name, p.Key, target.Value, strings.Join(counting, "; "))}
}
