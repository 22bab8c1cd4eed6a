package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/host"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/render"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/state"
)

const nodeTimeout = 2 * time.Minute

// bootNode starts the containerd of a node that has its network.
func (s *session) bootNode(index int) error {
	if err := s.groups.Create(layout.NodeCgroup(index)); err != nil {
		return err
	}
	node := s.paths.Node(index)
	if err := s.makeNodeDirs(node); err != nil {
		return err
	}
	files, err := render.Node(s.paths, index)
	if err != nil {
		return err
	}
	for name, text := range files {
		file := node.File(name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	place := render.Launch{Netns: layout.NetnsPath(index), Binds: node.Binds()}
	return s.start(component(index, "containerd"), nodeSystem(index), place, "containerd", render.Containerd(s.paths, index)...)
}

// component is the name of a node's process, such as "node1/kubelet".
func component(index int, name string) string { return layout.NodeName(index) + "/" + name }

// nodeSystem is the cgroup of the node's own processes, beside the one of its pods.
func nodeSystem(index int) string { return layout.NodeName(index) + "/system" }

// makeNodeDirs makes the node's folders, and the folders of the machine that they are going to hide.
func (s *session) makeNodeDirs(node layout.NodePaths) error {
	for _, b := range node.Binds() {
		if err := os.MkdirAll(b.Source, 0o755); err != nil {
			return err
		}
		made, err := host.MakeDirs(b.Target)
		if err != nil {
			return err
		}
		if len(made) > 0 {
			if err := s.update(func(st *state.Cluster) { st.CreatedDirs = append(st.CreatedDirs, made...) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// connectNode makes the node's network namespace and its link to the root namespace.
func connectNode(ctx context.Context, index int) error {
	if _, err := host.Run(ctx, "ip", "netns", "add", layout.Netns(index)); err != nil {
		return err
	}
	if err := host.IP(ctx, layout.Netns(index), layout.NodeAddresses(index)[:1]); err != nil {
		return err
	}
	if err := host.IP(ctx, "", layout.NodeLink(index)); err != nil {
		return err
	}
	if err := host.IP(ctx, layout.Netns(index), append(layout.NodeAddresses(index)[1:], layout.NodeRoutes(index)...)); err != nil {
		return err
	}
	_, err := host.Run(ctx, "nsenter", "--net="+layout.NetnsPath(index), "--", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
	return err
}

// disconnectNode removes the node's link and network namespace. The link goes first and by itself: with the namespace
// alone, the kernel would remove it some time later.
func disconnectNode(ctx context.Context, index int) {
	host.IPEach(ctx, []string{"link del " + layout.Link(index), "netns del " + layout.Netns(index)})
}

// loadPause waits for the node's containerd and gives it the sandbox image.
func (s *session) loadPause(ctx context.Context, index int) error {
	if err := s.waitContainerd(ctx, index); err != nil {
		return err
	}
	return s.importImage(ctx, index, s.st.PauseImage)
}

func (s *session) waitContainerd(ctx context.Context, index int) error {
	socket := s.paths.Node(index).Socket()
	return s.waitFor(ctx, fmt.Sprintf("containerd of node %q does not answer", layout.NodeName(index)), nodeTimeout, func(ctx context.Context) error {
		if _, err := os.Stat(socket); err != nil {
			return err
		}
		_, err := host.Run(ctx, "ctr", "--address", socket, "--connect-timeout", "2s", "version")
		return err
	})
}

// importImage loads a docker-archive into the node's containerd.
func (s *session) importImage(ctx context.Context, index int, archive string) error {
	_, err := host.Run(ctx, "ctr", "--address", s.paths.Node(index).Socket(), "--namespace", "k8s.io", "images", "import", archive)
	if err != nil {
		return fmt.Errorf("cannot load %q on node %q: %w", archive, layout.NodeName(index), err)
	}
	return nil
}

// joinNode starts the node's kubelet and kube-proxy.
func (s *session) joinNode(index int) error {
	containerd, err := s.pid(component(index, "containerd"))
	if err != nil {
		return err
	}
	inside := render.Launch{Netns: layout.NetnsPath(index), MountsOf: containerd}
	kubelet := filepath.Join(s.st.Binaries, "kubelet")
	if err := s.start(component(index, "kubelet"), nodeSystem(index), inside, kubelet, render.Kubelet(s.paths, index)...); err != nil {
		return err
	}
	proxy := filepath.Join(s.st.Binaries, "kube-proxy")
	return s.start(component(index, "kube-proxy"), nodeSystem(index), inside, proxy, render.KubeProxy(s.paths, index)...)
}

// routeServices leads ClusterIPs by way of the first node that is on and connected. With none, they stay as they are,
// and do not answer.
func (s *session) routeServices(ctx context.Context) error {
	for _, n := range s.st.Nodes {
		if n.Powered && n.Linked {
			return host.IP(ctx, "", []string{layout.ServiceRoute(n.Index)})
		}
	}
	return nil
}
