package workload

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	ownPrefix           = "kubectl-switchyard.github.io/"
	managedByLabel      = "app.kubernetes.io/managed-by"
	instanceLabel       = "app.kubernetes.io/instance"
	podTemplateHash     = "pod-template-hash"
	restartedAt         = "kubectl.kubernetes.io/restartedAt"
	lastApplied         = "kubectl.kubernetes.io/last-applied-configuration"
	changeCause         = "kubernetes.io/change-cause"
	deploymentKeyPrefix = "deployment.kubernetes.io/"
)

// trackingPrefixes begin the labels and annotations by which deployment tools know the objects they manage. A clone
// that kept them would be taken for theirs, and changed back or pruned.
var trackingPrefixes = []string{
	"argocd.argoproj.io/", fluxKustomize + "/", fluxHelm + "/", "meta.helm.sh/",
	"kapp.k14s.io/", "objectset.rio.cattle.io/", "config.k8s.io/owning-inventory",
}

// CloneOptions says how the idle Deployment differs from the active one.
type CloneOptions struct {
	// Name is the clone's name.
	Name string
	// SlotKey is the label that tells the two sides apart; From is its value on the active side, To on the clone.
	SlotKey, From, To string
	// Replicas is the clone's spec.replicas.
	Replicas int32
	// Images replaces images by container name, as ParseImages returns them.
	Images map[string]string
}

// Clone makes the idle Deployment from the active one, which is not changed. It keeps every field of the spec, known
// to this client or not, apart from what must differ: name, replicas, images, and the slot in the selector, in the
// template's labels and in selectors by which the template speaks of its own pods. It drops what belongs to the live
// object alone: server-set metadata, status, owners, finalizers, spec.paused, and the marks of controllers, kubectl,
// GitOps tools, Helm and this project. The strings are notes for the plan: what the caller should know about the result.
func Clone(active *unstructured.Unstructured, o CloneOptions) (*unstructured.Unstructured, []string, error) {
	if err := o.validate(active); err != nil {
		return nil, nil, err
	}
	source := active.DeepCopy()
	if err := SetImages(source, o.Images); err != nil {
		return nil, nil, err
	}
	clone := newObject(source, o.Name)
	if labels := clone.GetLabels(); labels[o.SlotKey] != "" {
		labels[o.SlotKey] = o.To
		clone.SetLabels(labels)
	}
	spec := clone.Object["spec"].(map[string]any)
	delete(spec, "paused")
	spec["replicas"] = int64(o.Replicas)
	if err := cleanTemplate(clone); err != nil {
		return nil, nil, err
	}
	rewritten, err := rewriteSelfSelectors(clone, o.SlotKey, o.To)
	if err != nil {
		return nil, nil, err
	}
	if err := setSlot(clone, o.SlotKey, o.To); err != nil {
		return nil, nil, err
	}
	notes, err := cloneNotes(active, clone, o.SlotKey)
	return clone, append(rewritten, notes...), err
}

func (o CloneOptions) validate(active *unstructured.Unstructured) error {
	switch {
	case o.Name == "" || o.Name == active.GetName():
		return fmt.Errorf("%s: the clone needs a name of its own, not %q", describe(active), o.Name)
	case o.To == "" || o.To == o.From:
		return fmt.Errorf("%s: the clone needs a slot of its own, not %q", describe(active), o.To)
	case o.Replicas < 0:
		return fmt.Errorf("%s: replicas of the clone cannot be %d", describe(active), o.Replicas)
	}
	if problems := validation.IsQualifiedName(o.SlotKey); len(problems) > 0 {
		return fmt.Errorf("slot label %q: %s", o.SlotKey, strings.Join(problems, "; "))
	}
	if problems := validation.IsValidLabelValue(o.To); len(problems) > 0 {
		return fmt.Errorf("slot %q: %s", o.To, strings.Join(problems, "; "))
	}
	if _, ok, err := unstructured.NestedMap(active.Object, "spec", "template", "spec"); !ok || err != nil {
		return fmt.Errorf("%s has no spec.template.spec", describe(active))
	}
	labels, _, err := unstructured.NestedStringMap(active.Object, "spec", "template", "metadata", "labels")
	if err != nil {
		return fmt.Errorf("%s: %w", describe(active), err)
	}
	if slot, ok := labels[o.SlotKey]; ok && slot != o.From {
		return fmt.Errorf("%s: its pods are labelled %s=%s, not %s=%s: the sides are mixed up", describe(active), o.SlotKey, slot, o.SlotKey, o.From)
	}
	return nil
}

// newObject copies an object under a new name without what belongs to the live object. Of the metadata only the
// namespace, labels and annotations are kept: everything else is set by the server or by controllers.
func newObject(u *unstructured.Unstructured, name string) *unstructured.Unstructured {
	clone := u.DeepCopy()
	delete(clone.Object, "status")
	labels, annotations := clone.GetLabels(), clone.GetAnnotations()
	if owner, ok := GitOpsOwner(labels, annotations, u.GetManagedFields()); ok && owner.Tool == "Argo CD" {
		// Argo CD's default tracking label; it would prune a clone that has it.
		delete(labels, instanceLabel)
	}
	if labels[managedByLabel] == "Helm" {
		delete(labels, managedByLabel)
	}
	clone.Object["metadata"] = map[string]any{"name": name}
	clone.SetNamespace(u.GetNamespace())
	if labels = withoutMarks(labels); len(labels) > 0 {
		clone.SetLabels(labels)
	}
	if annotations = withoutMarks(annotations); len(annotations) > 0 {
		clone.SetAnnotations(annotations)
	}
	return clone
}

// withoutMarks drops the labels or annotations that speak of the original object only.
func withoutMarks(m map[string]string) map[string]string {
	prefixes := append([]string{ownPrefix, deploymentKeyPrefix, lastApplied, changeCause}, trackingPrefixes...)
	maps.DeleteFunc(m, func(key, _ string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
	})
	return m
}

// cleanTemplate drops the marks of controllers, kubectl and this project from the pod template. Labels of deployment
// tools stay: the immutable selector may need them.
func cleanTemplate(u *unstructured.Unstructured) error {
	template := []string{"spec", "template", "metadata"}
	labels, _, err := unstructured.NestedStringMap(u.Object, append(template, "labels")...)
	if err != nil {
		return fmt.Errorf("%s: %w", describe(u), err)
	}
	delete(labels, podTemplateHash)
	annotations, _, err := unstructured.NestedStringMap(u.Object, append(template, "annotations")...)
	if err != nil {
		return fmt.Errorf("%s: %w", describe(u), err)
	}
	delete(annotations, restartedAt)
	maps.DeleteFunc(annotations, func(key, _ string) bool { return strings.HasPrefix(key, ownPrefix) })
	unstructured.RemoveNestedField(u.Object, append(template, "creationTimestamp")...)
	if err := setStringMap(u, labels, append(template, "labels")...); err != nil {
		return err
	}
	return setStringMap(u, annotations, append(template, "annotations")...)
}

// setStringMap sets a string map, or removes the field when the map is empty.
func setStringMap(u *unstructured.Unstructured, m map[string]string, path ...string) error {
	if len(m) == 0 {
		unstructured.RemoveNestedField(u.Object, path...)
		return nil
	}
	if err := unstructured.SetNestedStringMap(u.Object, m, path...); err != nil {
		return fmt.Errorf("%s: %w", describe(u), err)
	}
	return nil
}

// setSlot makes the clone's selector and template labels say key=to.
func setSlot(u *unstructured.Unstructured, key, to string) error {
	selector, _, err := unstructured.NestedMap(u.Object, "spec", "selector")
	if err != nil {
		return fmt.Errorf("%s: %w", describe(u), err)
	}
	if selector == nil {
		selector = map[string]any{}
	}
	if err := narrowSelector(selector, key, to); err != nil {
		return fmt.Errorf("%s: spec.selector: %w", describe(u), err)
	}
	if err := unstructured.SetNestedMap(u.Object, selector, "spec", "selector"); err != nil {
		return fmt.Errorf("%s: %w", describe(u), err)
	}
	if err := unstructured.SetNestedField(u.Object, to, "spec", "template", "metadata", "labels", key); err != nil {
		return fmt.Errorf("%s: %w", describe(u), err)
	}
	return nil
}

const maxNameLength = validation.DNS1123LabelMaxLength

// IdleName returns the name of the Deployment of slot to, given that of slot from: the slot's word in the name is
// replaced (hello-blue to hello-green), and where the name does not hold it the new one is appended (hello to
// hello-green). The name stays within 63 characters, so that it can be a label value and pods keep it as their prefix;
// what has to be cut off is replaced by a hash of the whole.
func IdleName(activeName, from, to string) string {
	name, replaced := replaceWord(activeName, from, to)
	if !replaced {
		name = activeName + "-" + to
	}
	if len(name) <= maxNameLength {
		return name
	}
	hash := fnv.New32a()
	hash.Write([]byte(name))
	suffix := fmt.Sprintf("-%08x-%s", hash.Sum32(), to)
	keep := max(0, maxNameLength-len(suffix))
	return strings.TrimRight(activeName[:min(keep, len(activeName))], "-.") + suffix
}

// replaceWord replaces the last whole word of a name, words being set apart by dashes and dots.
func replaceWord(name, from, to string) (string, bool) {
	if from == "" {
		return name, false
	}
	edge := func(i int) bool { return i < 0 || i >= len(name) || name[i] == '-' || name[i] == '.' }
	for i := len(name) - len(from); i >= 0; i-- {
		if name[i:min(len(name), i+len(from))] == from && edge(i-1) && edge(i+len(from)) {
			return name[:i] + to + name[i+len(from):], true
		}
	}
	return name, false
}
