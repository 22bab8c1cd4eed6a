package workload

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Room is the answer to whether more pods would be admitted and scheduled.
type Room struct {
	// Fits tells that nothing that was checked is short. It says nothing about what is in NotChecked.
	Fits bool `json:"fits"`
	// Short says what is missing, a sentence with figures each.
	Short []string `json:"short,omitempty"`
	// NotChecked says what could not be judged, and why.
	NotChecked []string `json:"notChecked,omitempty"`
}

// RoomInput is what CheckRoom decides from. A list that could not be read has its reason in the field of the same name
// with Unread; what depends on it is then not checked.
type RoomInput struct {
	// Namespace is where the pods are to be created.
	Namespace string
	// Nodes are all nodes of the cluster, Pods all its pods.
	Nodes []corev1.Node
	Pods  []corev1.Pod
	// Quotas and Limits are those of the namespace.
	Quotas []corev1.ResourceQuota
	Limits []corev1.LimitRange

	NodesUnread, PodsUnread, QuotasUnread, LimitsUnread string
}

// CheckRoom tells whether n more pods of the template would be admitted by the LimitRanges and ResourceQuotas of the
// namespace, and whether the nodes have room for them as they are: pods are placed on the first node that takes them,
// as the scheduler's filters would. Requests count as they would be after the API server's and the LimitRanges'
// defaults. It is a forecast: nothing is reserved.
func CheckRoom(t corev1.PodTemplateSpec, n int32, in RoomInput) Room {
	var r Room
	if n <= 0 {
		return Room{Fits: true}
	}
	t = *t.DeepCopy()
	defaultRequests(&t.Spec)
	r.checkLimitRanges(&t.Spec, in)
	r.checkQuotas(t.Spec, n, in)
	r.checkNodes(t, n, in)
	r.Fits = len(r.Short) == 0
	return r
}

func (r *Room) short(format string, args ...any) {
	r.Short = append(r.Short, fmt.Sprintf(format, args...))
}

func (r *Room) notChecked(format string, args ...any) {
	r.NotChecked = append(r.NotChecked, fmt.Sprintf(format, args...))
}

// checkNodes places the pods on the nodes.
func (r *Room) checkNodes(t corev1.PodTemplateSpec, n int32, in RoomInput) {
	switch {
	case in.NodesUnread != "":
		r.notChecked("room on the nodes: the nodes could not be read: %s", in.NodesUnread)
		return
	case in.PodsUnread != "":
		r.notChecked("room on the nodes: the pods of the cluster could not be read: %s", in.PodsUnread)
		return
	}
	r.noteUnmodelled(t.Spec)
	s := newScheduling(t, in, r)
	placed := int32(0)
	for placed < n && s.placeOne() {
		placed++
	}
	if placed == n {
		return
	}
	r.short("the nodes have room for %d of %d more pods (%s each): of %s, %s",
		placed, n, describeResources(s.requests), countNodes(len(in.Nodes)), strings.Join(s.obstacles(), ", "))
	r.notChecked("whether pods of lower priority would give way or an autoscaler would add nodes")
}

func countNodes(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}

// noteUnmodelled names the scheduling rules of the pod that checkNodes leaves out.
func (r *Room) noteUnmodelled(s corev1.PodSpec) {
	if s.Affinity != nil && s.Affinity.PodAffinity != nil && len(s.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution) > 0 {
		r.notChecked("room on the nodes leaves out the required pod affinity")
	}
	for _, c := range s.TopologySpreadConstraints {
		if c.WhenUnsatisfiable == corev1.DoNotSchedule {
			r.notChecked("room on the nodes leaves out the topology spread over %s", c.TopologyKey)
		}
	}
	for _, v := range s.Volumes {
		if v.PersistentVolumeClaim != nil {
			r.notChecked("on which nodes PersistentVolumeClaim %q can be mounted", v.PersistentVolumeClaim.ClaimName)
		}
	}
	if len(s.ResourceClaims) > 0 {
		r.notChecked("the devices behind resourceClaims")
	}
	if s.RuntimeClassName != nil && s.Overhead == nil {
		r.notChecked("the overhead and node selector of RuntimeClass %q", *s.RuntimeClassName)
	}
	if s.SchedulerName != "" && s.SchedulerName != corev1.DefaultSchedulerName {
		r.notChecked("the rules of scheduler %q: the default scheduler's were assumed", s.SchedulerName)
	}
}
