package workload

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// defaultRequests fills in requests from limits, as the API server does for a pod (SetDefaults_Pod in
// pkg/apis/core/v1/defaults.go) but not for a Deployment's template.
func defaultRequests(s *corev1.PodSpec) {
	eachContainer(s, func(c *corev1.Container, _ string) {
		setMissing(&c.Resources.Requests, c.Resources.Limits)
	})
	if s.Resources == nil {
		return
	}
	fromContainers := aggregate(*s, requestsOf)
	for name, limit := range s.Resources.Limits {
		if _, ok := fromContainers[name]; !ok {
			setMissing(&s.Resources.Requests, corev1.ResourceList{name: limit})
		}
	}
}

// eachContainer calls f with every container of the pod, init containers included, and with what to call it.
func eachContainer(s *corev1.PodSpec, f func(c *corev1.Container, kind string)) {
	for i := range s.InitContainers {
		f(&s.InitContainers[i], "init container")
	}
	for i := range s.Containers {
		f(&s.Containers[i], "container")
	}
}

// setMissing adds those resources that list does not have.
func setMissing(list *corev1.ResourceList, defaults corev1.ResourceList) {
	for name, q := range defaults {
		if _, ok := (*list)[name]; ok {
			continue
		}
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[name] = q.DeepCopy()
	}
}

func requestsOf(r corev1.ResourceRequirements) corev1.ResourceList { return r.Requests }
func limitsOf(r corev1.ResourceRequirements) corev1.ResourceList   { return r.Limits }

// podRequests returns what a pod takes of its node and of quotas: PodRequests in
// k8s.io/component-helpers/resource/helpers.go, without resizes that are under way.
func podRequests(s corev1.PodSpec) corev1.ResourceList {
	total := aggregate(s, requestsOf)
	overrideAtPodLevel(total, s, requestsOf)
	add(total, s.Overhead)
	return total
}

// podLimits returns the limits of a pod as quotas count them: PodLimits in the same file. Overhead adds only to limits
// that are there.
func podLimits(s corev1.PodSpec) corev1.ResourceList {
	total := aggregate(s, limitsOf)
	overrideAtPodLevel(total, s, limitsOf)
	for name, q := range s.Overhead {
		if limit, ok := total[name]; ok && !limit.IsZero() {
			add(total, corev1.ResourceList{name: q})
		}
	}
	return total
}

// aggregate sums up containers and sidecars; an init container needs its own resources and those of the sidecars
// started before it, and the pod the most of all these (KEP-753, resources calculation).
func aggregate(s corev1.PodSpec, of func(corev1.ResourceRequirements) corev1.ResourceList) corev1.ResourceList {
	total, sidecars, initial := corev1.ResourceList{}, corev1.ResourceList{}, corev1.ResourceList{}
	for _, c := range s.Containers {
		add(total, of(c.Resources))
	}
	for _, c := range s.InitContainers {
		if restartable(c) {
			add(total, of(c.Resources))
			add(sidecars, of(c.Resources))
			raise(initial, sidecars)
			continue
		}
		use := sidecars.DeepCopy()
		if use == nil {
			use = corev1.ResourceList{}
		}
		add(use, of(c.Resources))
		raise(initial, use)
	}
	raise(total, initial)
	return total
}

// overrideAtPodLevel lets resources declared for the whole pod take the place of the sums (KEP-2837).
func overrideAtPodLevel(total corev1.ResourceList, s corev1.PodSpec, of func(corev1.ResourceRequirements) corev1.ResourceList) {
	if s.Resources == nil {
		return
	}
	for name, q := range of(*s.Resources) {
		if name == corev1.ResourceCPU || name == corev1.ResourceMemory || strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix) {
			total[name] = q
		}
	}
}

func add(list, more corev1.ResourceList) {
	for name, q := range more {
		sum := list[name].DeepCopy()
		sum.Add(q)
		list[name] = sum
	}
}

func raise(list, least corev1.ResourceList) {
	for name, q := range least {
		if have, ok := list[name]; !ok || have.Cmp(q) < 0 {
			list[name] = q.DeepCopy()
		}
	}
}

// times returns n times a quantity.
func times(q resource.Quantity, n int32) resource.Quantity {
	product := q.DeepCopy()
	product.Mul(int64(n))
	return product
}

// describeResources writes resources as "cpu 500m, memory 1Gi".
func describeResources(list corev1.ResourceList) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if q := list[name]; !q.IsZero() {
			parts = append(parts, string(name)+" "+q.String())
		}
	}
	if len(parts) == 0 {
		return "no requests"
	}
	return strings.Join(parts, ", ")
}
