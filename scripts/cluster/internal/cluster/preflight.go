package cluster

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/host"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/render"
)

// preflight says why the machine is not free for a cluster, before anything is changed.
func preflight(ctx context.Context, router bool) (host.Cgroups, error) {
	groups, err := host.FindCgroups()
	if err != nil {
		return groups, err
	}
	routes, err := host.Routes(ctx)
	if err != nil {
		return groups, err
	}
	for _, r := range host.Overlapping(routes, layout.Ranges()) {
		return groups, fmt.Errorf("the machine has a route to %s (device %q), inside the ranges %v of the cluster; a cluster cannot run here while it exists", r.Dst, r.Dev, layout.Ranges())
	}
	for name, port := range render.LoopbackPorts(router) {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return groups, fmt.Errorf("%s needs port %d of 127.0.0.1: %w; end the program that uses it (`ss -ltnp`)", name, port, err)
		}
		l.Close()
	}
	return groups, nil
}
