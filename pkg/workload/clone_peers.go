package workload

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// CloneHPA makes the autoscaler of the idle Deployment from that of the active one. hpa is an autoscaling/v2
// HorizontalPodAutoscaler and is not changed; newName is the clone's name, deployment the Deployment it scales. The
// clone holds at least minReplicas, which the caller seeds from the active side's present size and lowers again when
// the release is finished. An autoscaler made by KEDA is an error: its ScaledObject is what has to be copied. The
// strings are notes for the plan.
func CloneHPA(hpa *unstructured.Unstructured, newName, deployment string, minReplicas int32) (*unstructured.Unstructured, []string, error) {
	if version := hpa.GetAPIVersion(); version != "autoscaling/v2" {
		return nil, nil, fmt.Errorf("%s: read it as autoscaling/v2, not %q", describe(hpa), version)
	}
	if name, ok := kedaOwner(hpa.GetOwnerReferences(), hpa.GetLabels()); ok {
		return nil, nil, fmt.Errorf("%s is made by KEDA: copy ScaledObject %q instead", describe(hpa), name)
	}
	if newName == "" || newName == hpa.GetName() {
		return nil, nil, fmt.Errorf("%s: the clone needs a name of its own, not %q", describe(hpa), newName)
	}
	limit, _, err := unstructured.NestedInt64(hpa.Object, "spec", "maxReplicas")
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", describe(hpa), err)
	}
	if int64(minReplicas) > limit || minReplicas < 1 {
		return nil, nil, fmt.Errorf("%s: minReplicas of the clone cannot be %d: it must be between 1 and maxReplicas, %d", describe(hpa), minReplicas, limit)
	}
	clone := newObject(hpa, newName)
	notes := hpaNotes(hpa, minReplicas)
	if err := unstructured.SetNestedField(clone.Object, deployment, "spec", "scaleTargetRef", "name"); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", describe(hpa), err)
	}
	if err := unstructured.SetNestedField(clone.Object, int64(minReplicas), "spec", "minReplicas"); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", describe(hpa), err)
	}
	return clone, notes, nil
}

func hpaNotes(hpa *unstructured.Unstructured, minReplicas int32) []string {
	var notes []string
	least, set, _ := unstructured.NestedInt64(hpa.Object, "spec", "minReplicas")
	if !set {
		least = 1
	}
	if least != int64(minReplicas) {
		notes = append(notes, fmt.Sprintf("minReplicas is held at %d instead of %d", minReplicas, least))
	}
	metrics, _, _ := unstructured.NestedSlice(hpa.Object, "spec", "metrics")
	for i, metric := range metrics {
		kind, _ := asMap(metric)["type"].(string)
		if kind == "Object" || kind == "External" {
			notes = append(notes, fmt.Sprintf("spec.metrics[%d] is of type %s and does not depend on the scaled pods: both sides follow the same figure", i, kind))
		}
	}
	return notes
}

// ErrAlreadyCovered is what ClonePDB wraps when the budget counts the new pods already.
var ErrAlreadyCovered = errors.New("it covers the new pods already, and pods under two budgets cannot be evicted")

// ClonePDB makes the disruption budget of the idle side from that of the active one, selecting slotKey=to. pdb is a
// policy/v1 PodDisruptionBudget and is not changed. A budget whose selector leaves the slot open, or allows to, matches
// the new pods as well; a second one would make the eviction API refuse them (pkg/registry/core/pod/storage/eviction.go,
// "more than one PodDisruptionBudget"), so the error is then ErrAlreadyCovered. The strings are notes for the plan.
func ClonePDB(pdb *unstructured.Unstructured, newName, slotKey, to string) (*unstructured.Unstructured, []string, error) {
	if newName == "" || newName == pdb.GetName() {
		return nil, nil, fmt.Errorf("%s: the clone needs a name of its own, not %q", describe(pdb), newName)
	}
	clone := newObject(pdb, newName)
	if l := clone.GetLabels(); l[slotKey] != "" {
		l[slotKey] = to
		clone.SetLabels(l)
	}
	selector := asMap(asMap(clone.Object["spec"])["selector"])
	if selector == nil {
		return nil, nil, fmt.Errorf("%s has no selector and guards no pod", describe(pdb))
	}
	covered, err := allowsSlot(selector, slotKey, to)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: spec.selector: %w", describe(pdb), err)
	}
	if covered {
		return nil, nil, fmt.Errorf("%s: %w", describe(pdb), ErrAlreadyCovered)
	}
	if err := narrowSelector(selector, slotKey, to); err != nil {
		return nil, nil, fmt.Errorf("%s: spec.selector: %w", describe(pdb), err)
	}
	return clone, []string{fmt.Sprintf("%s guards evictions only, not scaling down", describe(clone))}, nil
}

// allowsSlot tells whether the selector's requirements on the key, taken alone, let key=value pass.
func allowsSlot(selector map[string]any, key, value string) (bool, error) {
	parsed, err := parseSelector(selector)
	if err != nil {
		return false, err
	}
	requirements, _ := parsed.Requirements()
	for _, r := range requirements {
		if r.Key() == key && !r.Matches(labels.Set{key: value}) {
			return false, nil
		}
	}
	return true, nil
}
