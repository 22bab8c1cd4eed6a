package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Cgroups are the mounted cgroup hierarchies that the kubelet and runc use.
type Cgroups struct {
	// Roots are the mount points: one per controller with cgroup v1, a single one with v2.
	Roots []string
	// Beside is a unified hierarchy mounted beside those of v1: runc makes cgroups in it too.
	Beside []string
	// V2 says that the one root is a unified hierarchy.
	V2 bool
	// Member is the root in which every process of the cluster is entered: membership proves that it is ours.
	Member string
}

// ParseCgroups finds the hierarchies in /proc/self/mountinfo (proc(5)). A machine that mounts both kinds uses v1, as
// runc does, unless no v1 hierarchy has the pids controller.
func ParseCgroups(mountinfo string) (Cgroups, error) {
	var v1 Cgroups
	var v2 []string
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(strings.TrimSpace(line), " - ")
		fields, tail := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(tail) < 3 {
			continue
		}
		point := fields[4]
		switch tail[0] {
		case "cgroup2":
			v2 = append(v2, point)
		case "cgroup":
			v1.Roots = append(v1.Roots, point)
			if slices.Contains(strings.Split(tail[2], ","), "pids") {
				v1.Member = point
			}
		}
	}
	switch {
	case v1.Member != "":
		v1.Beside = v2
		return v1, nil
	case len(v2) > 0:
		return Cgroups{Roots: v2[:1], V2: true, Member: v2[0]}, nil
	}
	return Cgroups{}, errors.New("no cgroup hierarchy with the pids controller is mounted; the kubelet needs one")
}

// FindCgroups reads the hierarchies of this machine.
func FindCgroups() (Cgroups, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Cgroups{}, err
	}
	return ParseCgroups(string(data))
}

// Create makes the cgroup in every hierarchy, ready for the kubelet: with v1 a new cpuset has no CPU until it is given
// one, with v2 a child has only the controllers that its parents pass on.
func (c Cgroups) Create(group string) error {
	for _, root := range c.Roots {
		dir := root
		for _, part := range strings.Split(group, "/") {
			parent := dir
			dir = filepath.Join(dir, part)
			if c.V2 {
				if err := delegate(parent); err != nil {
					return err
				}
			}
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
				if err := inherit(parent, dir, file); err != nil && !c.V2 {
					return err
				}
			}
		}
		if c.V2 {
			if err := delegate(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func delegate(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, controller := range strings.Fields(string(data)) {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0o644); err != nil {
			return fmt.Errorf("cannot pass cgroup controller %q on below %q: %w", controller, dir, err)
		}
	}
	return nil
}

func inherit(parent, dir, file string) error {
	value, err := os.ReadFile(filepath.Join(parent, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, file), value, 0o644)
}

// CreateMember makes a cgroup for processes in the Member hierarchy and returns its folder.
func (c Cgroups) CreateMember(group string) (string, error) {
	dir := filepath.Join(c.Member, group)
	return dir, os.MkdirAll(dir, 0o755)
}

// Exists says whether the cgroup exists in any hierarchy.
func (c Cgroups) Exists(group string) bool {
	return slices.ContainsFunc(c.all(), func(root string) bool {
		_, err := os.Stat(filepath.Join(root, group))
		return err == nil
	})
}

func (c Cgroups) all() []string { return slices.Concat(c.Roots, c.Beside) }

// Processes returns the ids of the processes in the cgroup and below, in any hierarchy, in ascending order.
func (c Cgroups) Processes(group string) []int {
	var pids []int
	for _, dir := range c.dirs(group) {
		data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 1 {
				pids = append(pids, pid)
			}
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids)
}

// dirs returns the cgroup's folders in every hierarchy, parents first.
func (c Cgroups) dirs(group string) []string {
	var dirs []string
	for _, root := range c.all() {
		_ = filepath.WalkDir(filepath.Join(root, group), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
	}
	return dirs
}

// Kill ends every process in the cgroup and below, repeating until none is left, for at most timeout. It returns how
// many there were.
func (c Cgroups) Kill(group string, timeout time.Duration) (int, error) {
	seen := map[int]bool{}
	for deadline := time.Now().Add(timeout); ; time.Sleep(20 * time.Millisecond) {
		pids := c.Processes(group)
		if len(pids) == 0 {
			return len(seen), nil
		}
		if time.Now().After(deadline) {
			return len(seen), fmt.Errorf("processes %v of cgroup %q do not end", pids, group)
		}
		for _, pid := range pids {
			seen[pid] = true
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// Remove removes the cgroup and everything below, in every hierarchy. The kernel needs a moment after the last process
// has ended, so it tries for at most timeout.
func (c Cgroups) Remove(group string, timeout time.Duration) error {
	for deadline := time.Now().Add(timeout); ; time.Sleep(20 * time.Millisecond) {
		dirs := c.dirs(group)
		if len(dirs) == 0 {
			return nil
		}
		var last error
		for _, dir := range slices.Backward(dirs) {
			if err := syscall.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				last = fmt.Errorf("cannot remove cgroup %q: %w", dir, err)
			}
		}
		if last != nil && time.Now().After(deadline) {
			return last
		}
	}
}
