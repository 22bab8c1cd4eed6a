// Package cluster does the work of the commands: it brings the cluster up and down, and changes it while it runs.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/artifact"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/host"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/render"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/state"
)

// Streams are where a command writes: results on Out, progress and messages on Err.
type Streams struct{ Out, Err io.Writer }

// ErrNotUp is returned by commands that need a running cluster.
var ErrNotUp = errors.New("no cluster is up; start one with `cluster up`")

// session is one command's hold on the cluster.
type session struct {
	st     *state.Cluster
	paths  layout.Paths
	groups host.Cgroups
	report *artifact.Progress

	mu sync.Mutex
	// ended receives a message for every process that this command started and that ended.
	ended map[string]error
}

// lockWait is how long a command waits for another one that changes the cluster for a moment.
const lockWait = 2 * time.Minute

// refuseWait is how long `up` and `down` wait before they refuse beside another command: longer than `status` looks at
// the lock.
const refuseWait = time.Second

// open returns a session of the running cluster, and its lock when the command is going to change something.
func open(ctx context.Context, note string, streams Streams) (*session, *state.Lock, error) {
	if err := host.CheckSupported(); err != nil {
		return nil, nil, err
	}
	lock, err := state.Acquire(ctx, layout.LockFile, note, lockWait)
	if err != nil {
		return nil, nil, err
	}
	s, err := load(streams)
	if err != nil {
		lock.Release()
		return nil, nil, err
	}
	return s, lock, nil
}

// load returns a session of the running cluster for reading.
func load(streams Streams) (*session, error) {
	st, err := state.Load(layout.StateFile())
	if err != nil {
		return nil, err
	}
	if st == nil || st.Phase != state.Up || !sameBoot(st) {
		return nil, ErrNotUp
	}
	groups, err := host.FindCgroups()
	if err != nil {
		return nil, err
	}
	return newSession(st, groups, streams), nil
}

func newSession(st *state.Cluster, groups host.Cgroups, streams Streams) *session {
	return &session{
		st:     st,
		paths:  layout.Paths{StateDir: st.StateDir},
		groups: groups,
		report: artifact.NewProgress(streams.Err),
		ended:  map[string]error{},
	}
}

func sameBoot(st *state.Cluster) bool {
	id, err := host.BootID()
	return err == nil && id == st.BootID
}

// update changes the state and saves it.
func (s *session) update(change func(*state.Cluster)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.st)
	return state.Save(layout.StateFile(), s.st)
}

// pid returns the id of a recorded process.
func (s *session) pid(name string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.st.Process(name)
	if p == nil || !host.Alive(p.PID, p.StartTicks) {
		return 0, fmt.Errorf("%s is not running; see `cluster logs %s`", name, name)
	}
	return p.PID, nil
}

// start runs a component in the background, detached from this command, with its output in its log. group is its
// cgroup below the cluster's.
func (s *session) start(name, group string, place render.Launch, program string, args ...string) error {
	dir, err := s.groups.CreateMember(filepath.Join(layout.Cgroup, group))
	if err != nil {
		return err
	}
	place.Cgroup = dir
	logFile := s.paths.Log(name)
	if err := os.MkdirAll(filepath.Dir(logFile), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(logFile, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	argv := place.Argv(program, args...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %s: %w", name, err)
	}
	ticks, err := host.StartTicks(cmd.Process.Pid)
	if err != nil {
		return fmt.Errorf("%s ended at once: %w", name, err)
	}
	go s.reap(name, cmd)
	return s.update(func(st *state.Cluster) {
		st.SetProcess(state.Process{Name: name, PID: cmd.Process.Pid, StartTicks: ticks})
	})
}

// reap collects a process that ends while this command still runs.
func (s *session) reap(name string, cmd *exec.Cmd) {
	err := cmd.Wait()
	if err == nil {
		err = errors.New("exit status 0")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended[name] = err
}

// failed returns an error when a process that this command started has ended.
func (s *session) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, err := range s.ended {
		log := s.paths.Log(name)
		return fmt.Errorf("%s has ended: %w; the end of its log %s:\n%s", name, err, log, tail(log, 8))
	}
	return nil
}

// waitFor repeats a check until it holds. It fails when a component ends, and at the deadline with what was last
// missing.
func (s *session) waitFor(ctx context.Context, what string, timeout time.Duration, check func(context.Context) error) error {
	deadline := time.Now().Add(timeout)
	for {
		missing := check(ctx)
		if missing == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.failed(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s after %v: %w", what, timeout, missing)
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// tail returns the last lines of a file, at most n, and at most 4 KiB of them.
func tail(file string, n int) string {
	f, err := os.Open(file)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 4096 {
		_, _ = f.Seek(-4096, io.SeekEnd)
	}
	data, _ := io.ReadAll(f)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
