package workload

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// narrowSelector makes a label selector require key=value, instead of whatever it said about the key.
func narrowSelector(selector map[string]any, key, value string) error {
	expressions, _, err := unstructured.NestedSlice(selector, "matchExpressions")
	if err != nil {
		return err
	}
	kept := slices.DeleteFunc(expressions, func(e any) bool { return expressionKey(e) == key })
	if len(kept) == 0 {
		delete(selector, "matchExpressions")
	} else if err := unstructured.SetNestedSlice(selector, kept, "matchExpressions"); err != nil {
		return err
	}
	return unstructured.SetNestedField(selector, value, "matchLabels", key)
}

func expressionKey(expression any) string {
	m, _ := expression.(map[string]any)
	key, _ := m["key"].(string)
	return key
}

// mentions tells whether a label selector says anything about the key.
func mentions(selector map[string]any, key string) bool {
	if _, ok, _ := unstructured.NestedString(selector, "matchLabels", key); ok {
		return true
	}
	expressions, _, _ := unstructured.NestedSlice(selector, "matchExpressions")
	return slices.ContainsFunc(expressions, func(e any) bool { return expressionKey(e) == key })
}

// parseSelector reads a label selector of an unstructured object.
func parseSelector(selector map[string]any) (labels.Selector, error) {
	var typed metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(selector, &typed); err != nil {
		return nil, err
	}
	return metav1.LabelSelectorAsSelector(&typed)
}

// selfTerm is a place in the pod template with a label selector.
type selfTerm struct {
	path  string
	term  map[string]any
	repel bool // required anti-affinity
}

// selectorTerms lists the affinity terms and topology spread constraints of the template, as they are in u.
func selectorTerms(u *unstructured.Unstructured) []selfTerm {
	const base = "spec.template.spec."
	field := func(path ...string) []any {
		v, _, _ := unstructured.NestedFieldNoCopy(u.Object, append([]string{"spec", "template", "spec"}, path...)...)
		list, _ := v.([]any)
		return list
	}
	var terms []selfTerm
	for _, kind := range []string{"podAffinity", "podAntiAffinity"} {
		const required, preferred = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"
		for i, t := range field("affinity", kind, required) {
			path := fmt.Sprintf("%saffinity.%s.%s[%d]", base, kind, required, i)
			terms = append(terms, selfTerm{path: path, term: asMap(t), repel: kind == "podAntiAffinity"})
		}
		for i, t := range field("affinity", kind, preferred) {
			path := fmt.Sprintf("%saffinity.%s.%s[%d].podAffinityTerm", base, kind, preferred, i)
			terms = append(terms, selfTerm{path: path, term: asMap(asMap(t)["podAffinityTerm"])})
		}
	}
	for i, t := range field("topologySpreadConstraints") {
		terms = append(terms, selfTerm{path: fmt.Sprintf("%stopologySpreadConstraints[%d]", base, i), term: asMap(t)})
	}
	return terms
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// rewriteSelfSelectors narrows to key=to those selectors of the template by which it speaks of its own pods: they
// match the template's own labels. A term that selects every pod, another namespace, or by the slot already (through
// matchLabelKeys, which must not repeat a key) is left alone. It returns a note for each change.
func rewriteSelfSelectors(u *unstructured.Unstructured, key, to string) ([]string, error) {
	own, _, err := unstructured.NestedStringMap(u.Object, "spec", "template", "metadata", "labels")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", describe(u), err)
	}
	var notes []string
	for _, t := range selectorTerms(u) {
		selector := asMap(t.term["labelSelector"])
		self, err := speaksOfSelf(t.term, selector, own, u.GetNamespace(), key)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", describe(u), t.path, err)
		}
		if !self {
			continue
		}
		if t.repel && !mentions(selector, key) {
			notes = append(notes, fmt.Sprintf("the active side's required anti-affinity (%s, topologyKey %v) also keeps the new pods away from its own: free nodes are needed",
				t.path, t.term["topologyKey"]))
		}
		if err := narrowSelector(selector, key, to); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", describe(u), t.path, err)
		}
		notes = append(notes, fmt.Sprintf("%s now selects %s=%s", t.path, key, to))
	}
	return notes, nil
}

func speaksOfSelf(term, selector map[string]any, own map[string]string, namespace, key string) (bool, error) {
	if len(selector) == 0 {
		return false, nil
	}
	byKeys, _, _ := unstructured.NestedStringSlice(term, "matchLabelKeys")
	namespaces, _, _ := unstructured.NestedStringSlice(term, "namespaces")
	elsewhere := len(namespaces) > 0 && !slices.Contains(namespaces, namespace) && term["namespaceSelector"] == nil
	if slices.Contains(byKeys, key) || elsewhere {
		return false, nil
	}
	parsed, err := parseSelector(selector)
	if err != nil {
		return false, err
	}
	return parsed.Matches(labels.Set(own)), nil
}
