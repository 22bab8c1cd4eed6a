package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// cloneNotes says what the caller should know of a clone: what both sides share, what is no longer true.
func cloneNotes(active, clone *unstructured.Unstructured, slotKey string) ([]string, error) {
	before, err := typedDeployment(active)
	if err != nil {
		return nil, err
	}
	after, err := typedDeployment(clone)
	if err != nil {
		return nil, err
	}
	return append(staleVersionNotes(before.Spec.Template, after.Spec.Template, slotKey), sharedNotes(after.Spec.Template.Spec)...), nil
}

func typedDeployment(u *unstructured.Unstructured) (*appsv1.Deployment, error) {
	var d appsv1.Deployment
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &d); err != nil {
		return nil, fmt.Errorf("%s: %w", describe(u), err)
	}
	return &d, nil
}

// staleVersionNotes finds labels and variables that were copied and name the version of a replaced image. The slot key is
// no copy: its value is the new slot.
func staleVersionNotes(before, after corev1.PodTemplateSpec, slotKey string) []string {
	oldTags, newTags := replacedTags(before, after)
	if len(newTags) == 0 {
		return nil
	}
	var notes []string
	for _, key := range versionLabels {
		if v := after.Labels[key]; key != slotKey && v != "" && !slices.ContainsFunc(newTags, func(tag string) bool { return sameVersion(v, tag) }) {
			notes = append(notes, fmt.Sprintf("label %s=%s is copied and may not be true of the new image (%s)", key, v, strings.Join(newTags, ", ")))
		}
	}
	for _, c := range slices.Concat(after.Spec.InitContainers, after.Spec.Containers) {
		for _, env := range c.Env {
			if env.Value != "" && slices.Contains(oldTags, env.Value) {
				notes = append(notes, fmt.Sprintf("variable %s=%s of container %q is copied and names the old image's version", env.Name, env.Value, c.Name))
			}
		}
	}
	return notes
}

// replacedTags returns the tags (or digests) of the images that differ, old and new.
func replacedTags(before, after corev1.PodTemplateSpec) (oldTags, newTags []string) {
	was := map[string]string{}
	for _, i := range Images(before) {
		was[i.Container] = i.Image
	}
	for _, i := range Images(after) {
		if old := was[i.Container]; old != i.Image {
			oldTags, newTags = append(oldTags, imageTag(old)), append(newTags, imageTag(i.Image))
		}
	}
	slices.Sort(newTags)
	return oldTags, slices.Compact(newTags)
}

// imageTag returns the tag of an image reference, else its digest, else "latest", which is what no tag means.
func imageTag(image string) string {
	reference, digest, _ := strings.Cut(image, "@")
	last := reference[strings.LastIndex(reference, "/")+1:]
	if _, tag, ok := strings.Cut(last, ":"); ok {
		return tag
	}
	if digest != "" {
		return digest
	}
	return "latest"
}

func sameVersion(a, b string) bool { return strings.TrimPrefix(a, "v") == strings.TrimPrefix(b, "v") }

// sharedNotes tells what both sides use at the same time.
func sharedNotes(s corev1.PodSpec) []string {
	var notes []string
	if names := configObjects(s); len(names) > 0 {
		notes = append(notes, "both sides read "+strings.Join(names, ", ")+": a change there reaches the active side too")
	}
	for _, v := range s.Volumes {
		if v.PersistentVolumeClaim != nil {
			notes = append(notes, fmt.Sprintf("both sides mount PersistentVolumeClaim %q: unless its access mode allows several nodes, new pods may not start",
				v.PersistentVolumeClaim.ClaimName))
		}
	}
	if ports := hostPortsOf(s); len(ports) > 0 {
		notes = append(notes, fmt.Sprintf("the pods use ports of their node (%s): each new pod needs a node without an old one", strings.Join(ports, ", ")))
	}
	return notes
}

// configObjects lists the ConfigMaps and Secrets that a pod reads, sorted.
func configObjects(s corev1.PodSpec) []string {
	found := map[string]bool{}
	add := func(kind, name string) {
		if name != "" {
			found[fmt.Sprintf("%s %q", kind, name)] = true
		}
	}
	for _, c := range slices.Concat(s.InitContainers, s.Containers) {
		addContainerConfig(c, add)
	}
	for _, v := range s.Volumes {
		if v.ConfigMap != nil {
			add("ConfigMap", v.ConfigMap.Name)
		}
		if v.Secret != nil {
			add("Secret", v.Secret.SecretName)
		}
		if v.Projected != nil {
			for _, source := range v.Projected.Sources {
				if source.ConfigMap != nil {
					add("ConfigMap", source.ConfigMap.Name)
				}
				if source.Secret != nil {
					add("Secret", source.Secret.Name)
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func addContainerConfig(c corev1.Container, add func(kind, name string)) {
	for _, from := range c.EnvFrom {
		if from.ConfigMapRef != nil {
			add("ConfigMap", from.ConfigMapRef.Name)
		}
		if from.SecretRef != nil {
			add("Secret", from.SecretRef.Name)
		}
	}
	for _, env := range c.Env {
		if env.ValueFrom == nil {
			continue
		}
		if ref := env.ValueFrom.ConfigMapKeyRef; ref != nil {
			add("ConfigMap", ref.Name)
		}
		if ref := env.ValueFrom.SecretKeyRef; ref != nil {
			add("Secret", ref.Name)
		}
	}
}

// hostPortsOf lists the node ports that a pod binds, as "8080/TCP". With hostNetwork the API server sets hostPort to
// containerPort (pkg/apis/core/v1/defaults.go, defaultHostNetworkPorts).
func hostPortsOf(s corev1.PodSpec) []string {
	var ports []string
	for _, c := range servingContainers(s) {
		for _, p := range c.Ports {
			port, protocol := p.HostPort, p.Protocol
			if port == 0 && s.HostNetwork {
				port = p.ContainerPort
			}
			if protocol == "" {
				protocol = corev1.ProtocolTCP
			}
			if port != 0 {
				ports = append(ports, fmt.Sprintf("%d/%s", port, protocol))
			}
		}
	}
	return ports
}
