package layout

import "fmt"

// The address plan. It is fixed, so that one machine can hold one cluster and every test can name an address.
const (
	// NodeCIDR holds the control plane's address and one /24 per node.
	NodeCIDR = "10.200.0.0/16"
	// PodCIDR holds one /24 per node.
	PodCIDR = "10.244.0.0/16"
	// ServiceCIDR holds the ClusterIPs.
	ServiceCIDR = "10.96.0.0/16"
	// ControlPlaneIP is where kube-apiserver listens: an address on the loopback device, so that no node's link
	// carries it and cutting a node leaves it in place.
	ControlPlaneIP = "10.200.0.1"
	// KubernetesServiceIP is the ClusterIP of the `kubernetes` Service: the first of ServiceCIDR.
	KubernetesServiceIP = "10.96.0.1"
	// APIServerPort is kube-apiserver's TCP port on ControlPlaneIP.
	APIServerPort = 6443
	// RouterIP and RouterPort are where the router listens, in the root namespace.
	RouterIP   = "127.0.0.1"
	RouterPort = 8000
	// RouterNamespace and RouterGateway name the Gateway that routes attach to.
	RouterNamespace = "switchyard-router"
	RouterGateway   = "switchyard"
	// GuardMetric makes the `unreachable` routes the last choice among the routes of the cluster's ranges.
	GuardMetric = 20000
	// MaxNodes is the largest number of nodes.
	MaxNodes = 9
)

// Ranges lists the three ranges whose packets never leave the machine while the cluster is up.
func Ranges() []string { return []string{NodeCIDR, PodCIDR, ServiceCIDR} }

// NodeName returns the name of the node with the given index, counted from 1.
func NodeName(index int) string { return fmt.Sprintf("node%d", index) }

// NodeIP returns the node's own address, which its NodePorts use too.
func NodeIP(index int) string { return fmt.Sprintf("10.200.%d.2", index) }

// GatewayIP returns the root namespace's address on the node's link.
func GatewayIP(index int) string { return fmt.Sprintf("10.200.%d.1", index) }

// NodePodCIDR returns the range of the node's pods.
func NodePodCIDR(index int) string { return fmt.Sprintf("10.244.%d.0/24", index) }

// Netns returns the name of the node's network namespace.
func Netns(index int) string { return "switchyard-" + NodeName(index) }

// Link returns the name of the root namespace's end of the node's veth pair (at most 15 bytes, IFNAMSIZ - 1).
func Link(index int) string { return "sy-" + NodeName(index) }

// NetnsPath returns the file that stands for the node's network namespace.
func NetnsPath(index int) string { return "/run/netns/" + Netns(index) }

// HostNetwork returns `ip -batch` lines that prepare the root namespace: the control plane's address, and a last
// resort for every range, so that no packet for the cluster follows the default route when a node is cut or off.
func HostNetwork() []string {
	lines := []string{"addr add " + ControlPlaneIP + "/32 dev lo"}
	for _, r := range Ranges() {
		lines = append(lines, fmt.Sprintf("route add unreachable %s metric %d", r, GuardMetric))
	}
	return lines
}

// NodeLink returns `ip -batch` lines for the root namespace that connect the node's network namespace to it.
func NodeLink(index int) []string {
	return []string{
		fmt.Sprintf("link add %s type veth peer name eth0 netns %s", Link(index), Netns(index)),
		fmt.Sprintf("addr add %s/24 dev %s", GatewayIP(index), Link(index)),
		fmt.Sprintf("link set %s up", Link(index)),
		fmt.Sprintf("route add %s via %s", NodePodCIDR(index), NodeIP(index)),
	}
}

// NodeAddresses returns `ip -batch` lines for the node's namespace: its addresses, before NodeRoutes.
func NodeAddresses(index int) []string {
	return []string{"link set lo up", fmt.Sprintf("addr add %s/24 dev eth0", NodeIP(index)), "link set eth0 up"}
}

// NodeRoutes returns `ip -batch` lines for the node's namespace; repeating them is safe. There is no default route:
// nothing in a node can reach beyond the machine. ClusterIPs need a route of their own, because an address without
// one is refused before kube-proxy's DNAT sees it. Addresses of pods that are not there are answered by the node
// instead of travelling in a circle.
func NodeRoutes(index int) []string {
	return []string{
		fmt.Sprintf("route replace %s via %s", NodeCIDR, GatewayIP(index)),
		fmt.Sprintf("route replace %s via %s", PodCIDR, GatewayIP(index)),
		fmt.Sprintf("route replace unreachable %s", NodePodCIDR(index)),
		fmt.Sprintf("route replace %s dev eth0 src %s", ServiceCIDR, NodeIP(index)),
	}
}

// ServiceRoute returns the `ip -batch` line that makes ClusterIPs work from the root namespace, by way of the node's
// kube-proxy.
func ServiceRoute(index int) string {
	return fmt.Sprintf("route replace %s via %s", ServiceCIDR, NodeIP(index))
}
