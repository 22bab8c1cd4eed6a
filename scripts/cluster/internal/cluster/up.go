package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/artifact"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/host"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/state"
)

// UpOptions say what cluster is wanted.
type UpOptions struct {
	Nodes      int
	Kubernetes artifact.Version
	// Router says whether the HTTP router runs beside the cluster.
	Router   bool
	StateDir string
}

// Up brings a cluster up and waits until its nodes are Ready and pods can be created. When it fails or is interrupted
// it takes down what it made, and keeps the logs.
func Up(ctx context.Context, o UpOptions, streams Streams) error {
	if err := host.CheckSupported(); err != nil {
		return err
	}
	if o.Nodes < 1 || o.Nodes > layout.MaxNodes {
		return fmt.Errorf("%d nodes are not possible; give 1 to %d", o.Nodes, layout.MaxNodes)
	}
	lock, err := state.Acquire(ctx, layout.LockFile, "up", refuseWait)
	if err != nil {
		return err
	}
	defer lock.Release()
	report := artifact.NewProgress(streams.Err)
	if err := clearWay(ctx, report); err != nil {
		return err
	}
	if err := checkStateDir(o.StateDir); err != nil {
		return err
	}
	if err := installPackages(ctx, report); err != nil {
		return err
	}
	st := &state.Cluster{Phase: state.Starting, StartedAt: time.Now().Truncate(time.Second), StateDir: o.StateDir, Kubernetes: o.Kubernetes.String()}
	if err := buildFor(ctx, st, o, report); err != nil {
		return err
	}
	groups, err := preflight(ctx, o.Router)
	if err != nil {
		return err
	}
	for i := 1; i <= o.Nodes; i++ {
		st.Nodes = append(st.Nodes, state.Node{Name: layout.NodeName(i), Index: i, Powered: true, Linked: true})
	}
	s := newSession(st, groups, streams)
	s.report = report
	if err := s.bringUp(ctx); err != nil {
		return s.giveUp(err)
	}
	report.Step(fmt.Sprintf("the cluster is up: Kubernetes %s, %d node(s)", st.Kubernetes, len(st.Nodes)))
	_, err = fmt.Fprintf(streams.Out, "export KUBECONFIG=%s\n", s.paths.Kubeconfig("admin"))
	return err
}

// clearWay refuses when a cluster is up, and removes what a killed or crashed one left.
func clearWay(ctx context.Context, report *artifact.Progress) error {
	found, err := inspect(ctx)
	if err != nil {
		return err
	}
	if found.running() {
		st := found.st
		return fmt.Errorf("a cluster is already up since %s (Kubernetes %s, %d node(s), KUBECONFIG=%s), and a machine can hold one; use it, see `cluster status`, or end it with `cluster down`",
			st.StartedAt.Format(time.DateTime), st.Kubernetes, len(st.Nodes), layout.Paths{StateDir: st.StateDir}.Kubeconfig("admin"))
	}
	if !found.anything() {
		return nil
	}
	report.Step("removing what an interrupted or crashed cluster left")
	return teardown(ctx, found, false)
}

// checkStateDir makes sure that a folder with other content is not taken, because `down` removes the folder.
func checkStateDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(layout.Paths{StateDir: dir}.Marker()); len(entries) > 0 && err != nil {
		return fmt.Errorf("state folder %q holds other files; give --state-dir a folder that is empty or does not exist", dir)
	}
	return nil
}

// buildFor makes sure that every program is there, and records where.
func buildFor(ctx context.Context, st *state.Cluster, o UpOptions, report *artifact.Progress) error {
	cache, err := artifact.OpenCache()
	if err != nil {
		return err
	}
	if st.Binaries, err = cache.Kubernetes(ctx, o.Kubernetes, report); err != nil {
		return err
	}
	if st.PauseImage, err = cache.Pause(ctx, report); err != nil || !o.Router {
		return err
	}
	router, err := cache.Router(ctx, report)
	st.Router, st.RouterCRDs = router.Program, router.CRDs
	return err
}

// begin records the cluster before anything on the machine is changed.
func (s *session) begin() error {
	var err error
	if s.st.BootID, err = host.BootID(); err != nil {
		return err
	}
	if s.st.NetnsMounted, err = netnsMounted(); err != nil {
		return err
	}
	forward, err := host.IPForward()
	if err != nil {
		return err
	}
	if forward != "1" {
		s.st.IPForward = forward
	}
	if err := s.update(func(*state.Cluster) {}); err != nil {
		return err
	}
	if err := os.RemoveAll(s.paths.StateDir); err != nil {
		return err
	}
	if err := os.MkdirAll(s.paths.StateDir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(s.paths.Marker(), nil, 0o644)
}

// bringUp does the work of Up, in an order that keeps both processors of a small machine busy.
func (s *session) bringUp(ctx context.Context) error {
	if err := s.begin(); err != nil {
		return err
	}
	s.report.Step("making certificates and the network")
	if err := s.issueCertificates(); err != nil {
		return err
	}
	if err := host.SetIPForward("1"); err != nil {
		return err
	}
	if err := host.IP(ctx, "", layout.HostNetwork()); err != nil {
		return err
	}
	// One after the other: `ip netns add` prepares /run/netns, and two at once prepare it twice.
	for _, n := range s.st.Nodes {
		if err := connectNode(ctx, n.Index); err != nil {
			return err
		}
	}
	if err := s.routeServices(ctx); err != nil {
		return err
	}
	s.report.Step("starting etcd, kube-apiserver and each node's containerd")
	if err := s.startStore(); err != nil {
		return err
	}
	if err := s.eachNode(func(n state.Node) error { return s.bootNode(n.Index) }); err != nil {
		return err
	}
	if err := s.eachNode(func(n state.Node) error { return s.loadPause(ctx, n.Index) }); err != nil {
		return err
	}
	client, err := newAPI(s.paths)
	if err != nil {
		return err
	}
	if err := s.waitAPIServer(ctx, client); err != nil {
		return err
	}
	s.report.Step("kube-apiserver is ready; starting controllers and kubelets")
	if err := s.startControllers(); err != nil {
		return err
	}
	if err := s.eachNode(func(n state.Node) error { return s.joinNode(n.Index) }); err != nil {
		return err
	}
	if err := s.startRouter(ctx, client); err != nil {
		return err
	}
	if err := s.waitUsable(ctx, client); err != nil {
		return err
	}
	return s.update(func(st *state.Cluster) { st.Phase = state.Up })
}

// waitUsable waits until every node is Ready and pods can be created.
func (s *session) waitUsable(ctx context.Context, client *api) error {
	var names []string
	for _, n := range s.st.Nodes {
		names = append(names, n.Name)
	}
	what := "nodes are not Ready"
	if err := s.waitFor(ctx, what, nodeTimeout, func(ctx context.Context) error { return client.nodesReady(ctx, s.st.StartedAt, names...) }); err != nil {
		return err
	}
	s.report.Step("Ready: " + strings.Join(names, ", "))
	return s.waitFor(ctx, "the default ServiceAccount does not exist", nodeTimeout, client.serviceAccountExists)
}

// eachNode does something for every node at once.
func (s *session) eachNode(do func(state.Node) error) error {
	errs := make([]error, len(s.st.Nodes))
	var wait sync.WaitGroup
	for i, n := range s.st.Nodes {
		wait.Go(func() { errs[i] = do(n) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// giveUp takes a cluster down that did not come up. It must not stop half-way, so it does not listen to an interrupt.
func (s *session) giveUp(cause error) error {
	if errors.Is(cause, context.Canceled) {
		s.report.Step("interrupted; taking the cluster down")
	} else {
		s.report.Step("the cluster did not come up; taking it down")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	found, err := inspect(ctx)
	if err == nil {
		err = teardown(ctx, found, true)
	}
	if err != nil {
		return errors.Join(cause, fmt.Errorf("taking it down failed too: %w; run `cluster down`", err))
	}
	if errors.Is(cause, context.Canceled) {
		return cause
	}
	return fmt.Errorf("%w\nlogs are kept in %s until the next up or down", cause, s.paths.Logs())
}
