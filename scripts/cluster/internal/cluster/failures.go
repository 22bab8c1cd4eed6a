package cluster

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/host"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/render"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/state"
)

// CutNode takes the node's end of its link down. The machine's end stays up without a carrier, with its addresses and
// routes, so packets to the node are lost instead of being refused.
func CutNode(ctx context.Context, name string, streams Streams) error {
	return changeNode(ctx, "node cut", name, streams, func(s *session, n *state.Node) (string, error) {
		if !n.Powered {
			return "", fmt.Errorf("node %q is off; start it first with `cluster node start %s`", name, name)
		}
		if !n.Linked {
			return "is cut already", nil
		}
		if err := s.update(func(*state.Cluster) { n.Linked = false }); err != nil {
			return "", err
		}
		if err := host.IP(ctx, layout.Netns(n.Index), []string{"link set eth0 down"}); err != nil {
			return "", err
		}
		return "is cut off; it becomes NotReady in about 20 s", s.routeServices(ctx)
	})
}

// HealNode takes the node's end of its link up and restores the routes that the kernel removed with it.
func HealNode(ctx context.Context, name string, streams Streams) error {
	return changeNode(ctx, "node heal", name, streams, func(s *session, n *state.Node) (string, error) {
		if !n.Powered {
			return "", fmt.Errorf("node %q is off; start it with `cluster node start %s`", name, name)
		}
		if n.Linked {
			return "is connected already", nil
		}
		lines := append([]string{"link set eth0 up"}, layout.NodeRoutes(n.Index)...)
		if err := host.IP(ctx, layout.Netns(n.Index), lines); err != nil {
			return "", err
		}
		if err := s.update(func(*state.Cluster) { n.Linked = true }); err != nil {
			return "", err
		}
		return "is connected", s.routeServices(ctx)
	})
}

// StopNode ends everything on the node at once. Its network namespace stays, with its link down, until the node is
// started.
func StopNode(ctx context.Context, name string, streams Streams) error {
	return changeNode(ctx, "node stop", name, streams, func(s *session, n *state.Node) (string, error) {
		if !n.Powered {
			return "is off already", nil
		}
		if err := s.update(func(*state.Cluster) { n.Powered = false }); err != nil {
			return "", err
		}
		if err := host.IP(ctx, layout.Netns(n.Index), []string{"link set eth0 down"}); err != nil {
			return "", err
		}
		if err := s.routeServices(ctx); err != nil {
			return "", err
		}
		if _, err := s.groups.Kill(layout.NodeCgroup(n.Index), endTimeout); err != nil {
			return "", err
		}
		if err := s.groups.Remove(layout.NodeCgroup(n.Index), endTimeout); err != nil {
			return "", err
		}
		if err := os.RemoveAll(s.paths.Node(n.Index).Run); err != nil {
			return "", err
		}
		return "is off; it becomes NotReady in about 20 s", s.update(func(st *state.Cluster) {
			st.DropProcesses(func(process string) bool { return strings.HasPrefix(process, name+"/") })
		})
	})
}

// StartNode boots a stopped node with a fresh network and an empty run directory, as a machine has after power-on, and
// with its disk as it was.
func StartNode(ctx context.Context, name string, streams Streams) error {
	return changeNode(ctx, "node start", name, streams, func(s *session, n *state.Node) (string, error) {
		if n.Powered {
			return "is on already", nil
		}
		if err := s.powerOn(ctx, n); err != nil {
			return "", fmt.Errorf("%w; the node is left as it is, see `cluster logs %s/kubelet`, and `cluster node stop %s` turns it off", err, name, name)
		}
		return "is on and Ready", nil
	})
}

func (s *session) powerOn(ctx context.Context, n *state.Node) error {
	begin := time.Now()
	disconnectNode(ctx, n.Index)
	if err := connectNode(ctx, n.Index); err != nil {
		return err
	}
	if err := s.update(func(*state.Cluster) { n.Powered, n.Linked = true, true }); err != nil {
		return err
	}
	if err := s.bootNode(n.Index); err != nil {
		return err
	}
	if err := s.waitContainerd(ctx, n.Index); err != nil {
		return err
	}
	if err := s.joinNode(n.Index); err != nil {
		return err
	}
	if err := s.routeServices(ctx); err != nil {
		return err
	}
	client, err := newAPI(s.paths)
	if err != nil {
		return err
	}
	return s.waitFor(ctx, "node is not Ready", nodeTimeout, func(ctx context.Context) error { return client.nodesReady(ctx, begin, n.Name) })
}

// changeNode runs one change of a node under the lock and prints what became of it.
func changeNode(ctx context.Context, note, name string, streams Streams, change func(*session, *state.Node) (string, error)) error {
	s, lock, err := open(ctx, note+" "+name, streams)
	if err != nil {
		return err
	}
	defer lock.Release()
	n, err := s.st.Node(name)
	if err != nil {
		return err
	}
	text, err := change(s, n)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(streams.Out, "%s %s\n", name, text)
	return err
}

// terminateWait is how long the API server may take to end by itself: it waits for its watchers, of which every
// component has some.
const terminateWait = 3 * time.Second

// RestartAPIServer ends kube-apiserver, starts it again and reports how long it was not ready.
func RestartAPIServer(ctx context.Context, streams Streams) error {
	s, lock, err := open(ctx, "apiserver restart", streams)
	if err != nil {
		return err
	}
	defer lock.Release()
	client, err := newAPI(s.paths)
	if err != nil {
		return err
	}
	begin := time.Now()
	if p := s.st.Process(apiServer); p != nil {
		host.Signal(p.PID, p.StartTicks, syscall.SIGTERM)
		if !host.WaitGone(p.PID, p.StartTicks, terminateWait) {
			host.Signal(p.PID, p.StartTicks, syscall.SIGKILL)
			host.WaitGone(p.PID, p.StartTicks, endTimeout)
		}
	}
	gone := time.Now()
	if err := s.startControl(apiServer, render.APIServer(s.paths)); err != nil {
		return err
	}
	if err := s.waitAPIServer(ctx, client); err != nil {
		return err
	}
	_, err = fmt.Fprintf(streams.Out, "kube-apiserver was gone for %.1f s (%.1f s to end, %.1f s to be ready again)\n",
		time.Since(begin).Seconds(), gone.Sub(begin).Seconds(), time.Since(gone).Seconds())
	return err
}
