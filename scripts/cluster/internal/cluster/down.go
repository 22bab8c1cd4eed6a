package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/artifact"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/host"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/state"
)

// traces is everything on the machine that a cluster has made. It is found by its fixed names, not in the state file
// alone, so that a killed command or a lost state file leaves nothing behind.
type traces struct {
	st       *state.Cluster
	stateDir string
	groups   host.Cgroups
	// alive are the recorded processes that run.
	alive    []state.Process
	cgroup   bool
	netns    []string
	links    []string
	guards   bool
	address  bool
	runDir   bool
	stateSet bool
}

// running says that a cluster is up, perhaps with some process missing.
func (t traces) running() bool {
	return t.st != nil && t.st.Phase == state.Up && len(t.alive) > 0
}

// anything says that there is something to remove.
func (t traces) anything() bool {
	return t.st != nil || t.runDir || t.stateSet || len(t.onMachine()) > 0
}

// onMachine names the traces outside the tool's own files.
func (t traces) onMachine() []string {
	var names []string
	for _, p := range t.alive {
		names = append(names, fmt.Sprintf("process %d (%s)", p.PID, p.Name))
	}
	if t.cgroup {
		names = append(names, "cgroup "+layout.Cgroup)
	}
	for _, ns := range t.netns {
		names = append(names, "network namespace "+ns)
	}
	for _, link := range t.links {
		names = append(names, "link "+link)
	}
	if t.guards {
		names = append(names, "unreachable routes of "+strings.Join(layout.Ranges(), ", "))
	}
	if t.address {
		names = append(names, "address "+layout.ControlPlaneIP)
	}
	return names
}

// inspect looks for traces.
func inspect(ctx context.Context) (traces, error) {
	t := traces{stateDir: layout.DefaultStateDir}
	// A damaged state file counts as none: what it would say is found on the machine.
	t.st, _ = state.Load(layout.StateFile())
	if t.st != nil {
		t.stateDir = t.st.StateDir
		if sameBoot(t.st) {
			for _, p := range t.st.Processes {
				if host.Alive(p.PID, p.StartTicks) {
					t.alive = append(t.alive, p)
				}
			}
		}
	}
	var err error
	if t.groups, err = host.FindCgroups(); err != nil {
		return t, err
	}
	t.cgroup = t.groups.Exists(layout.Cgroup)
	for i := 1; i <= layout.MaxNodes; i++ {
		if exists(layout.NetnsPath(i)) {
			t.netns = append(t.netns, layout.Netns(i))
		}
		if exists("/sys/class/net/" + layout.Link(i)) {
			t.links = append(t.links, layout.Link(i))
		}
	}
	t.runDir = exists(layout.RunDir)
	t.stateSet = exists(layout.Paths{StateDir: t.stateDir}.Marker())
	return t, t.inspectNetwork(ctx)
}

func (t *traces) inspectNetwork(ctx context.Context) error {
	// Before the first `up` the machine may not have iproute2 yet, and then nothing was made with it.
	if _, err := host.Run(ctx, "ip", "-V"); err != nil {
		return nil
	}
	routes, err := host.Routes(ctx)
	if err != nil {
		return err
	}
	t.guards = slices.ContainsFunc(routes, func(r host.Route) bool {
		return r.Type == "unreachable" && r.Metric == layout.GuardMetric && slices.Contains(layout.Ranges(), r.Dst)
	})
	out, err := host.Run(ctx, "ip", "-4", "-oneline", "addr", "show", "dev", "lo")
	t.address = strings.Contains(out, " "+layout.ControlPlaneIP+"/32 ")
	return err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Down takes the cluster down, or what is left of one. With nothing there it says so.
func Down(ctx context.Context, streams Streams) error {
	if err := host.CheckSupported(); err != nil {
		return err
	}
	lock, err := state.Acquire(ctx, layout.LockFile, "down", refuseWait)
	if err != nil {
		return err
	}
	defer lock.Release()
	found, err := inspect(ctx)
	if err != nil {
		return err
	}
	if !found.anything() {
		_, err := fmt.Fprintln(streams.Err, "no cluster is up; nothing to do")
		return err
	}
	report := artifact.NewProgress(streams.Err)
	switch {
	case found.running():
		report.Step("taking the cluster down")
	default:
		report.Step("removing what an interrupted or crashed cluster left")
	}
	if err := teardown(ctx, found, false); err != nil {
		return err
	}
	report.Step("the cluster is gone")
	return nil
}

const endTimeout = 15 * time.Second

// teardown removes every trace. It goes on after a failure, and returns all of them. The state file goes last, and only
// when all else is gone, so that a failed teardown can be repeated.
func teardown(ctx context.Context, t traces, keepLogs bool) error {
	var errs []error
	for _, p := range t.alive {
		host.Signal(p.PID, p.StartTicks, syscall.SIGKILL)
	}
	if _, err := t.groups.Kill(layout.Cgroup, endTimeout); err != nil {
		errs = append(errs, err)
	}
	if err := t.groups.Remove(layout.Cgroup, endTimeout); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, t.removeNetwork(ctx), t.removeFiles(keepLogs), checkGone(ctx))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return os.RemoveAll(layout.RunDir)
}

// checkGone looks again, so that "gone" is never said of something that is still there.
func checkGone(ctx context.Context) error {
	left, err := inspect(ctx)
	if err != nil {
		return err
	}
	if names := left.onMachine(); len(names) > 0 {
		return fmt.Errorf("not removed: %s; run `cluster down` again", strings.Join(names, "; "))
	}
	return nil
}

func (t traces) removeNetwork(ctx context.Context) error {
	var lines []string
	for _, link := range t.links {
		lines = append(lines, "link del "+link)
	}
	for _, ns := range t.netns {
		lines = append(lines, "netns del "+ns)
	}
	for _, line := range layout.HostNetwork() {
		lines = append(lines, strings.Replace(line, " add ", " del ", 1))
	}
	host.IPEach(ctx, lines)
	if t.st == nil {
		return nil
	}
	if t.st.IPForward != "" && sameBoot(t.st) {
		if err := host.SetIPForward(t.st.IPForward); err != nil {
			return err
		}
	}
	if t.st.NetnsMounted {
		return nil
	}
	return removeNetnsMount()
}

const netnsDir = "/run/netns"

// netnsMounted says whether /run/netns is a mount point.
func netnsMounted() (bool, error) {
	mounts, err := host.MountsBelow(netnsDir)
	return slices.Contains(mounts, netnsDir), err
}

// removeNetnsMount undoes what `ip netns add` did to /run/netns, unless somebody else uses it by now.
func removeNetnsMount() error {
	entries, err := os.ReadDir(netnsDir)
	if err != nil || len(entries) > 0 {
		return nil
	}
	if mounted, err := netnsMounted(); err != nil || !mounted {
		return err
	}
	if err := host.Unmount(netnsDir); err != nil {
		return fmt.Errorf("cannot unmount %q: %w", netnsDir, err)
	}
	return nil
}

func (t traces) removeFiles(keepLogs bool) error {
	if !exists(layout.Paths{StateDir: t.stateDir}.Marker()) {
		return removeDirs(t.st)
	}
	mounts, err := host.MountsBelow(t.stateDir, layout.RunDir)
	if err != nil {
		return err
	}
	for _, m := range mounts {
		if err := host.Unmount(m); err != nil {
			return fmt.Errorf("cannot unmount %q: %w", m, err)
		}
	}
	paths := layout.Paths{StateDir: t.stateDir}
	entries, err := os.ReadDir(t.stateDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(t.stateDir, e.Name())
		if path == paths.Marker() || keepLogs && path == paths.Logs() {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	if !keepLogs {
		if err := os.RemoveAll(t.stateDir); err != nil {
			return err
		}
	}
	return removeDirs(t.st)
}

// removeDirs removes the folders that were made for the cluster, if nothing is in them.
func removeDirs(st *state.Cluster) error {
	if st == nil {
		return nil
	}
	for _, dir := range slices.Backward(st.CreatedDirs) {
		err := os.Remove(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
	}
	return nil
}
