package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/klog/v2"
)

// scheduling places identical pods on nodes.
type scheduling struct {
	template  corev1.PodTemplateSpec
	requests  corev1.ResourceList
	hostPorts []string
	nodes     []*nodeRoom
	repelled  map[domain]bool // where another pod's or an own anti-affinity forbids the pod
	selfTerms []string        // topology keys over which the pods repel each other
	excluded  map[string]int  // nodes that never come into question, by reason
}

// domain is a value of a topology key: a node, a zone.
type domain struct{ key, value string }

// nodeRoom is what a node has left.
type nodeRoom struct {
	node  *corev1.Node
	free  corev1.ResourceList
	ports map[string]bool
}

func newScheduling(t corev1.PodTemplateSpec, in RoomInput, r *Room) *scheduling {
	s := &scheduling{
		template: t, requests: podRequests(t.Spec), hostPorts: hostPortsOf(t.Spec),
		repelled: map[domain]bool{}, excluded: map[string]int{},
	}
	byNode := map[string][]*corev1.Pod{}
	for i := range in.Pods {
		p := &in.Pods[i]
		if p.Spec.NodeName != "" && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
			byNode[p.Spec.NodeName] = append(byNode[p.Spec.NodeName], p)
		}
	}
	affinity := antiAffinityOf(t, in.Namespace, r)
	s.selfTerms = affinity.selfKeys()
	for i := range in.Nodes {
		node := &in.Nodes[i]
		for _, p := range byNode[node.Name] {
			for _, key := range affinity.keysRepelling(p) {
				if value, ok := node.Labels[key]; ok {
					s.repelled[domain{key, value}] = true
				}
			}
		}
		if reason := unsuitable(node, t.Spec); reason != "" {
			s.excluded[reason]++
			continue
		}
		s.nodes = append(s.nodes, roomOf(node, byNode[node.Name]))
	}
	return s
}

// unsuitable says why the pod would never go to the node, or "". The rules are the scheduler's plugins
// NodeUnschedulable, TaintToleration and NodeAffinity, and NodeName.
func unsuitable(node *corev1.Node, s corev1.PodSpec) string {
	ready := slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
	cordon := corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}
	switch {
	case !ready:
		return "not ready"
	case node.Spec.Unschedulable && !tolerated(cordon, s.Tolerations):
		return "cordoned"
	case s.NodeName != "" && s.NodeName != node.Name:
		return "not the node in nodeName"
	case !labels.SelectorFromSet(s.NodeSelector).Matches(labels.Set(node.Labels)):
		return "outside the nodeSelector"
	case !affinityMatches(node, s.Affinity):
		return "outside the node affinity"
	}
	for _, taint := range node.Spec.Taints {
		if taint.Effect != corev1.TaintEffectPreferNoSchedule && !tolerated(taint, s.Tolerations) {
			return "tainted with " + taint.ToString()
		}
	}
	return ""
}

func tolerated(taint corev1.Taint, tolerations []corev1.Toleration) bool {
	return slices.ContainsFunc(tolerations, func(t corev1.Toleration) bool {
		return t.ToleratesTaint(klog.Logger{}, &taint, true)
	})
}

// affinityMatches evaluates required node affinity: terms are alternatives, an empty or invalid one matches nothing.
func affinityMatches(node *corev1.Node, a *corev1.Affinity) bool {
	if a == nil || a.NodeAffinity == nil || a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return true
	}
	terms := a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	return slices.ContainsFunc(terms, func(t corev1.NodeSelectorTerm) bool {
		if len(t.MatchExpressions)+len(t.MatchFields) == 0 {
			return false
		}
		return allMatch(t.MatchExpressions, labels.Set(node.Labels)) &&
			allMatch(t.MatchFields, labels.Set(fields.Set{"metadata.name": node.Name}))
	})
}

var nodeOperators = map[corev1.NodeSelectorOperator]selection.Operator{
	corev1.NodeSelectorOpIn: selection.In, corev1.NodeSelectorOpNotIn: selection.NotIn,
	corev1.NodeSelectorOpExists: selection.Exists, corev1.NodeSelectorOpDoesNotExist: selection.DoesNotExist,
	corev1.NodeSelectorOpGt: selection.GreaterThan, corev1.NodeSelectorOpLt: selection.LessThan,
}

func allMatch(requirements []corev1.NodeSelectorRequirement, values labels.Set) bool {
	return !slices.ContainsFunc(requirements, func(r corev1.NodeSelectorRequirement) bool {
		parsed, err := labels.NewRequirement(r.Key, nodeOperators[r.Operator], r.Values)
		return err != nil || !parsed.Matches(values)
	})
}

func roomOf(node *corev1.Node, pods []*corev1.Pod) *nodeRoom {
	room := &nodeRoom{node: node, free: node.Status.Allocatable.DeepCopy(), ports: map[string]bool{}}
	if room.free == nil {
		room.free = corev1.ResourceList{}
	}
	for _, p := range pods {
		room.take(podRequests(p.Spec), hostPortsOf(p.Spec))
	}
	return room
}

func (n *nodeRoom) take(requests corev1.ResourceList, ports []string) {
	taken := corev1.ResourceList{corev1.ResourcePods: *oneOf()}
	add(taken, requests)
	for name, q := range taken {
		left := n.free[name].DeepCopy()
		left.Sub(q)
		n.free[name] = left
	}
	for _, port := range ports {
		n.ports[port] = true
	}
}

// placeOne puts one more pod on the first node that takes it, and tells whether there was one.
func (s *scheduling) placeOne() bool {
	for _, n := range s.nodes {
		if s.obstacle(n) != "" {
			continue
		}
		n.take(s.requests, s.hostPorts)
		for _, key := range s.selfTerms {
			if value, ok := n.node.Labels[key]; ok {
				s.repelled[domain{key, value}] = true
			}
		}
		return true
	}
	return false
}

// obstacle says why the node takes no further pod, or "".
func (s *scheduling) obstacle(n *nodeRoom) string {
	var short []string
	needed := corev1.ResourceList{corev1.ResourcePods: *oneOf()}
	add(needed, s.requests)
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		need, free := needed[name], n.free[name]
		if !need.IsZero() && free.Cmp(need) < 0 {
			short = append(short, string(name))
		}
	}
	if len(short) > 0 {
		return "short of " + strings.Join(short, " and ")
	}
	for _, port := range s.hostPorts {
		if n.ports[port] {
			return "with port " + port + " in use"
		}
	}
	for d := range s.repelled {
		if value, ok := n.node.Labels[d.key]; ok && value == d.value {
			return "closed by anti-affinity"
		}
	}
	return ""
}

// obstacles sums up over all nodes why no further pod fits: "2 short of cpu".
func (s *scheduling) obstacles() []string {
	counts := maps.Clone(s.excluded)
	for _, n := range s.nodes {
		counts[s.obstacle(n)]++
	}
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[reason], reason))
	}
	if len(parts) == 0 {
		return []string{"none to place them on"}
	}
	return parts
}
