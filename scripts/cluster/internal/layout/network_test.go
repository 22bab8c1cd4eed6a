package layout

import (
	"slices"
	"strings"
	"testing"
)

func TestNetworkLines(t *testing.T) {
	for _, tc := range []struct {
		name string
		got  []string
		want []string
	}{
		{"root namespace: the control plane's address and a last resort per range", HostNetwork(), []string{
			"addr add 10.200.0.1/32 dev lo",
			"route add unreachable 10.200.0.0/16 metric 20000",
			"route add unreachable 10.244.0.0/16 metric 20000",
			"route add unreachable 10.96.0.0/16 metric 20000",
		}},
		{"link of node 2", NodeLink(2), []string{
			"link add sy-node2 type veth peer name eth0 netns switchyard-node2",
			"addr add 10.200.2.1/24 dev sy-node2",
			"link set sy-node2 up",
			"route add 10.244.2.0/24 via 10.200.2.2",
		}},
		{"addresses of node 2", NodeAddresses(2), []string{
			"link set lo up", "addr add 10.200.2.2/24 dev eth0", "link set eth0 up",
		}},
		{"routes of node 2: none of them a default route", NodeRoutes(2), []string{
			"route replace 10.200.0.0/16 via 10.200.2.1",
			"route replace 10.244.0.0/16 via 10.200.2.1",
			"route replace unreachable 10.244.2.0/24",
			"route replace 10.96.0.0/16 dev eth0 src 10.200.2.2",
		}},
		{"ClusterIPs by way of node 2", []string{ServiceRoute(2)}, []string{"route replace 10.96.0.0/16 via 10.200.2.2"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !slices.Equal(tc.got, tc.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(tc.got, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}

func TestLinkNameFitsTheKernel(t *testing.T) {
	if name := Link(MaxNodes); len(name) > 15 {
		t.Errorf("link name %q has %d bytes; the kernel takes 15", name, len(name))
	}
}

func TestNodePathsSurviveOnlyOnDisk(t *testing.T) {
	node := Paths{StateDir: "/s"}.Node(1)
	for _, b := range node.Binds() {
		onDisk := strings.HasPrefix(b.Source, "/s/nodes/node1/")
		inRun := strings.HasPrefix(b.Source, "/run/switchyard-cluster/node1/")
		volatile := strings.HasPrefix(b.Target, "/run/")
		if onDisk == inRun || volatile != inRun {
			t.Errorf("%s is put in the place of %s; what is below /run must be volatile, and nothing else", b.Source, b.Target)
		}
	}
}
