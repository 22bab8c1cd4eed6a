package workload

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

func oneOf() *resource.Quantity { return resource.NewQuantity(1, resource.DecimalSI) }

// antiAffinity is the required anti-affinity between pods of a template and others, in both directions.
type antiAffinity struct {
	labels    labels.Set
	namespace string
	own       []repulsion
	room      *Room
}

// repulsion is one parsed term.
type repulsion struct {
	key        string
	selector   labels.Selector
	namespaces func(string) bool
	ownOnly    bool // it concerns only pods of the same template (matchLabelKeys: pod-template-hash)
}

func antiAffinityOf(t corev1.PodTemplateSpec, namespace string, r *Room) *antiAffinity {
	a := &antiAffinity{labels: labels.Set(t.Labels), namespace: namespace, room: r}
	for _, term := range antiAffinityTerms(t.Spec) {
		if parsed, ok := a.parse(term, namespace); ok {
			a.own = append(a.own, parsed)
		}
	}
	return a
}

func antiAffinityTerms(s corev1.PodSpec) []corev1.PodAffinityTerm {
	if s.Affinity == nil || s.Affinity.PodAntiAffinity == nil {
		return nil
	}
	return s.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
}

// parse reads a term of a pod in the given namespace. The API server resolves matchLabelKeys and mismatchLabelKeys
// when it creates a pod (KEP-3633), so here that is left to do for the template's own terms only; keys that the labels
// do not have are ignored, but pod-template-hash will be there.
func (a *antiAffinity) parse(term corev1.PodAffinityTerm, namespace string) (repulsion, bool) {
	selector, err := metav1.LabelSelectorAsSelector(term.LabelSelector)
	if err != nil {
		a.leaveOut("an anti-affinity term that cannot be read: " + err.Error())
		return repulsion{}, false
	}
	parsed := repulsion{key: term.TopologyKey, ownOnly: slices.Contains(term.MatchLabelKeys, podTemplateHash)}
	for operator, keys := range map[selection.Operator][]string{selection.In: term.MatchLabelKeys, selection.NotIn: term.MismatchLabelKeys} {
		for _, key := range keys {
			if value, ok := a.labels[key]; ok {
				if requirement, err := labels.NewRequirement(key, operator, []string{value}); err == nil {
					selector = selector.Add(*requirement)
				}
			}
		}
	}
	parsed.selector = selector
	parsed.namespaces = func(ns string) bool { return slices.Contains(term.Namespaces, ns) }
	switch {
	case term.NamespaceSelector == nil && len(term.Namespaces) == 0:
		parsed.namespaces = func(ns string) bool { return ns == namespace }
	case term.NamespaceSelector != nil && len(term.NamespaceSelector.MatchLabels)+len(term.NamespaceSelector.MatchExpressions) == 0:
		parsed.namespaces = func(string) bool { return true }
	case term.NamespaceSelector != nil:
		a.leaveOut("an anti-affinity term with a namespaceSelector: labels of namespaces were not read")
	}
	return parsed, true
}

// leaveOut notes a rule that was not judged, once.
func (a *antiAffinity) leaveOut(what string) {
	note := "room on the nodes leaves out " + what
	if !slices.Contains(a.room.NotChecked, note) {
		a.room.NotChecked = append(a.room.NotChecked, note)
	}
}

// selfKeys returns the topology keys over which the template's pods repel each other.
func (a *antiAffinity) selfKeys() []string {
	var keys []string
	for _, term := range a.own {
		if term.selector.Matches(a.labels) && term.namespaces(a.namespace) {
			keys = append(keys, term.key)
		}
	}
	return keys
}

// keysRepelling returns the topology keys over which a running pod and the template's pods exclude each other, by the
// terms of either.
func (a *antiAffinity) keysRepelling(p *corev1.Pod) []string {
	var keys []string
	for _, term := range a.own {
		if !term.ownOnly && term.selector.Matches(labels.Set(p.Labels)) && term.namespaces(p.Namespace) {
			keys = append(keys, term.key)
		}
	}
	for _, term := range antiAffinityTerms(p.Spec) {
		selector, err := metav1.LabelSelectorAsSelector(term.LabelSelector)
		if err != nil || !selector.Matches(a.labels) {
			continue
		}
		term.MatchLabelKeys, term.MismatchLabelKeys = nil, nil
		if parsed, ok := a.parse(term, p.Namespace); ok && parsed.namespaces(a.namespace) {
			keys = append(keys, term.TopologyKey)
		}
	}
	return keys
}
