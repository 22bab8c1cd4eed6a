package traffic

import (
	"sort"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
)

// PortEndpoints is who stands behind one port of a Service, by pod UID. A pod counts once however many slices and
// address families list it.
type PortEndpoints struct {
	// Port is the Service's port.
	Port corev1.ServicePort
	// Ready are the endpoints that new connections go to.
	Ready Set
	// Draining are terminating endpoints that still serve; kube-proxy falls back to them when none is ready
	// (KEP-1669).
	Draining Set
	// NotReady are the others.
	NotReady Set
}

// Endpoints is the union of a Service's EndpointSlices.
type Endpoints struct {
	// Ports has one entry for each port of the Service, in the Service's order. A headless Service may have no port;
	// then a single entry with port 0 stands for all ports of its pods.
	Ports []PortEndpoints
	// All are the endpoints of any state in any slice, those without a port included.
	All Set
	// Portless are endpoints of a Service with ports in slices that carry no port at all. They look ready and receive
	// nothing (kubernetes#109627).
	Portless Set
}

// Set is a set of endpoints: pod UIDs, or addresses where a slice names no pod.
type Set map[string]struct{}

// Has tells whether the set holds the pod.
func (s Set) Has(uid types.UID) bool {
	_, ok := s[string(uid)]
	return ok
}

// Sorted returns the members in order.
func (s Set) Sorted() []string {
	members := make([]string, 0, len(s))
	for member := range s {
		members = append(members, member)
	}
	sort.Strings(members)
	return members
}

// CountIn returns how many of the pods are in the set.
func (s Set) CountIn(pods []corev1.Pod) int {
	count := 0
	for i := range pods {
		if s.Has(pods[i].UID) {
			count++
		}
	}
	return count
}

// EndpointsOf unites the slices that belong to the Service; slices of other Services are passed over. An unset condition
// means ready, serving as ready, and not terminating (the doc comments of discovery/v1 EndpointConditions).
func EndpointsOf(service *corev1.Service, slices []discoveryv1.EndpointSlice) Endpoints {
	all := Endpoints{All: Set{}, Portless: Set{}}
	ports := service.Spec.Ports
	if len(ports) == 0 {
		ports = []corev1.ServicePort{{}}
	}
	for _, port := range ports {
		all.Ports = append(all.Ports, PortEndpoints{Port: port, Ready: Set{}, Draining: Set{}, NotReady: Set{}})
	}
	for i := range slices {
		if ServiceOf(&slices[i]) == service.Name && slices[i].Namespace == service.Namespace {
			all.add(&slices[i])
		}
	}
	return all
}

// ServiceOf returns the name of the Service that a slice belongs to, "" for none.
func ServiceOf(slice *discoveryv1.EndpointSlice) string {
	return slice.Labels[discoveryv1.LabelServiceName]
}

func (e *Endpoints) add(slice *discoveryv1.EndpointSlice) {
	for _, endpoint := range slice.Endpoints {
		member := memberOf(endpoint)
		e.All[member] = struct{}{}
		if len(slice.Ports) == 0 && e.Ports[0].Port.Port != 0 {
			e.Portless[member] = struct{}{}
		}
		for i := range e.Ports {
			if carries(slice, e.Ports[i].Port) {
				e.Ports[i].setFor(endpoint)[member] = struct{}{}
			}
		}
	}
}

func (p *PortEndpoints) setFor(endpoint discoveryv1.Endpoint) Set {
	ready := endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
	serving := ready
	if endpoint.Conditions.Serving != nil {
		serving = *endpoint.Conditions.Serving
	}
	switch {
	case ready:
		return p.Ready
	case serving && isTrue(endpoint.Conditions.Terminating):
		return p.Draining
	}
	return p.NotReady
}

func isTrue(b *bool) bool { return b != nil && *b }

// carries tells whether the slice has the Service's port. Ports are joined by name and protocol, an unnamed port
// having the empty name; the number in the slice is the target's, and kube-proxy passes over a port that has none
// (pkg/proxy/endpointslicecache.go). The slices of a Service without ports have none either.
func carries(slice *discoveryv1.EndpointSlice, port corev1.ServicePort) bool {
	if port.Port == 0 {
		return len(slice.Ports) == 0
	}
	for _, have := range slice.Ports {
		if have.Port == nil || *have.Port == 0 {
			continue
		}
		name, protocol := "", corev1.ProtocolTCP
		if have.Name != nil {
			name = *have.Name
		}
		if have.Protocol != nil {
			protocol = *have.Protocol
		}
		if name == port.Name && protocol == protocolOf(port.Protocol) {
			return true
		}
	}
	return false
}

func memberOf(endpoint discoveryv1.Endpoint) string {
	if endpoint.TargetRef != nil && endpoint.TargetRef.UID != "" {
		return string(endpoint.TargetRef.UID)
	}
	if len(endpoint.Addresses) > 0 {
		return endpoint.Addresses[0]
	}
	return ""
}

// Routed returns, for each Service with a slice that lists at least one of the pods, how many it lists in any state; ""
// stands for slices of no Service. An endpoint that names no pod, as people and other controllers write them, is known by
// its address. An empty result means that nothing routes to the pods any more, as far as the API server knows.
func Routed(slices []discoveryv1.EndpointSlice, pods []corev1.Pod) map[string]int {
	known := podsByMember(pods)
	found := map[string]map[types.UID]bool{}
	for i := range slices {
		service := ServiceOf(&slices[i])
		for _, endpoint := range slices[i].Endpoints {
			pod, ok := known[memberOf(endpoint)]
			if !ok {
				continue
			}
			if found[service] == nil {
				found[service] = map[types.UID]bool{}
			}
			found[service][pod] = true
		}
	}
	counts := map[string]int{}
	for service, listed := range found {
		counts[service] = len(listed)
	}
	return counts
}

// podsByMember returns the pods' UIDs by everything that memberOf may return for one of them. The addresses of a pod that
// has ended may be another's by now, and those of a pod on the host's network are its node's.
func podsByMember(pods []corev1.Pod) map[string]types.UID {
	known := map[string]types.UID{}
	for i := range pods {
		pod := &pods[i]
		known[string(pod.UID)] = pod.UID
		if ended(pod) || pod.Spec.HostNetwork {
			continue
		}
		for _, address := range pod.Status.PodIPs {
			known[address.IP] = pod.UID
		}
	}
	return known
}
