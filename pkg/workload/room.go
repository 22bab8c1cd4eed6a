package workload

import corev1 "k8s.io/api/core/v1"

type Room struct {
	Fits       bool     `json:"fits"`
	Short      []string `json:"short,omitempty"`
	NotChecked []string `json:"notChecked,omitempty"`
}

// RoomInput is what CheckRoom decides from. A non-empty ...Unread says why that list could not be read.
type RoomInput struct {
	Namespace string
	Nodes     []corev1.Node
	Pods      []corev1.Pod
	Quotas    []corev1.ResourceQuota
	Limits    []corev1.LimitRange

	NodesUnread, PodsUnread, QuotasUnread, LimitsUnread string
}

func CheckRoom(t corev1.PodTemplateSpec, n int32, in RoomInput) Room { return Room{} }
