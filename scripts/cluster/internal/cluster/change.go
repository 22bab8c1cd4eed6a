package cluster

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/host"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/state"
)

// The changes of a node record what they are about to do, and repeating one completes it, so a killed command is mended
// by running it again.

// CutNode takes the node's end of its link down. The machine's end stays up without a carrier, with its addresses and
// routes, so packets to the node are lost instead of being refused.
func CutNode(ctx context.Context, name string, streams Streams) error {
	return changeNode(ctx, "node cut", name, streams, func(s *session, n *state.Node) (string, error) {
		if !n.Powered {
			return "", offError(name)
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
			return "", offError(name)
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

func offError(name string) error {
	return fmt.Errorf("node %q is off; start it with `cluster node start %s`", name, name)
}

// StopNode ends everything on the node at once. Its network namespace stays, with its link down, until the node is
// started.
func StopNode(ctx context.Context, name string, streams Streams) error {
	return changeNode(ctx, "node stop", name, streams, func(s *session, n *state.Node) (string, error) {
		if err := s.update(func(*state.Cluster) { n.Powered = false }); err != nil {
			return "", err
		}
		if err := host.IP(ctx, layout.Netns(n.Index), []string{"link set eth0 down"}); err != nil {
			return "", err
		}
		if err := s.routeServices(ctx); err != nil {
			return "", err
		}
		return "is off; it becomes NotReady in about 20 s", s.endNode(n)
	})
}

// endNode ends every process of the node and empties its run directory, as losing power does.
func (s *session) endNode(n *state.Node) error {
	if _, err := s.groups.Kill(layout.NodeCgroup(n.Index), endTimeout); err != nil {
		return err
	}
	if err := s.groups.Remove(layout.NodeCgroup(n.Index), endTimeout); err != nil {
		return err
	}
	if err := os.RemoveAll(s.paths.Node(n.Index).Run); err != nil {
		return err
	}
	return s.update(func(st *state.Cluster) {
		st.DropProcesses(func(process string) bool { return strings.HasPrefix(process, n.Name+"/") })
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
	// A killed `node stop` may have left something.
	if err := s.endNode(n); err != nil {
		return err
	}
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
