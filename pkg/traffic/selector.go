// Package traffic decides who receives traffic: which pods a Service selects, which endpoints serve each of its ports,
// and what else routes to a set of pods. It is pure: objects in, verdicts out.
package traffic

import (
	corev1 "k8s.io/api/core/v1"
)

// Selects tells whether a Service selector matches labels. An empty selector selects nothing: such a Service has its
// endpoints written by somebody else (pkg/controller/endpointslice, https://kubernetes.io/docs/concepts/services-networking/service/#services-without-selectors).
func Selects(selector, labels map[string]string) bool {
	if len(selector) == 0 {
		return false
	}
	for key, value := range selector {
		if have, ok := labels[key]; !ok || have != value {
			return false
		}
	}
	return true
}

// With returns a copy of labels in which key has value.
func With(labels map[string]string, key, value string) map[string]string {
	out := Without(labels, key)
	out[key] = value
	return out
}

// Without returns a copy of labels that lacks key.
func Without(labels map[string]string, key string) map[string]string {
	out := make(map[string]string, len(labels)+1)
	for k, v := range labels {
		if k != key {
			out[k] = v
		}
	}
	return out
}

// MatchingPods returns the pods that selector matches and that have not ended: a pod that succeeded or failed gets no
// endpoint (endpointslice ShouldPodBeInEndpoints).
func MatchingPods(selector map[string]string, pods []corev1.Pod) []corev1.Pod {
	var matching []corev1.Pod
	for _, pod := range pods {
		if !ended(&pod) && Selects(selector, pod.Labels) {
			matching = append(matching, pod)
		}
	}
	return matching
}

func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}
