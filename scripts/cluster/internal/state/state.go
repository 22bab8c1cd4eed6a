// Package state keeps what a later command must know about the running cluster: what was started, by which process id,
// and what of the machine was changed. It is written before the change it describes, so a killed command leaves a
// record of everything that it may have done.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Phase says how far the cluster is.
type Phase string

const (
	// Starting is the phase from the first change to the machine until every node is Ready.
	Starting Phase = "starting"
	// Up is the phase of a cluster that came up completely.
	Up Phase = "up"
)

// Cluster is the state file's content.
type Cluster struct {
	Phase     Phase     `json:"phase"`
	StartedAt time.Time `json:"startedAt"`
	// BootID is the kernel's /proc/sys/kernel/random/boot_id: after a reboot no recorded process is ours.
	BootID   string `json:"bootID"`
	StateDir string `json:"stateDir"`
	// Kubernetes is the version with its leading "v".
	Kubernetes string `json:"kubernetes"`
	// Binaries is the folder of the Kubernetes components and kubectl.
	Binaries string `json:"binaries"`
	// PauseImage is the docker-archive of the sandbox image.
	PauseImage string `json:"pauseImage"`
	// Router is the router's program and RouterCRDs the folder of the Gateway API, both empty without a router.
	Router     string `json:"router,omitempty"`
	RouterCRDs string `json:"routerCRDs,omitempty"`
	// IPForward is net.ipv4.ip_forward as it was before, empty when it was not changed.
	IPForward string `json:"ipForward,omitempty"`
	// NetnsMounted says that /run/netns was a mount point before; `ip netns add` makes it one.
	NetnsMounted bool `json:"netnsMounted"`
	// CreatedDirs are folders outside StateDir that did not exist before, in the order of creation.
	CreatedDirs []string  `json:"createdDirs,omitempty"`
	Nodes       []Node    `json:"nodes"`
	Processes   []Process `json:"processes"`
}

// Node is one node and what was done to it.
type Node struct {
	Name  string `json:"name"`
	Index int    `json:"index"`
	// Powered is false after `node stop`.
	Powered bool `json:"powered"`
	// Linked is false after `node cut`.
	Linked bool `json:"linked"`
}

// Process identifies one started process: the kernel gives a process id again, but not with the same start time.
type Process struct {
	// Name is the component, such as "etcd" or "node1/kubelet".
	Name string `json:"name"`
	PID  int    `json:"pid"`
	// StartTicks is field 22 of /proc/PID/stat, in clock ticks since boot (proc(5)).
	StartTicks uint64 `json:"startTicks"`
}

// Load reads the state file. It returns nil without an error when there is none.
func Load(path string) (*Cluster, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &Cluster{}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("state file %q is damaged: %w; run `cluster down`", path, err)
	}
	return c, nil
}

// Save writes the state file so that a reader sees the old or the new content, never a part.
func Save(path string, c *Cluster) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// Node returns the node of that name, or an error that lists the names there are.
func (c *Cluster) Node(name string) (*Node, error) {
	var names []string
	for i := range c.Nodes {
		if c.Nodes[i].Name == name {
			return &c.Nodes[i], nil
		}
		names = append(names, c.Nodes[i].Name)
	}
	return nil, fmt.Errorf("no node %q in the cluster; its nodes are %q", name, names)
}

// Process returns the process of that name, or nil.
func (c *Cluster) Process(name string) *Process {
	for i := range c.Processes {
		if c.Processes[i].Name == name {
			return &c.Processes[i]
		}
	}
	return nil
}

// SetProcess records a process in the place of an earlier one of the same name.
func (c *Cluster) SetProcess(p Process) {
	if old := c.Process(p.Name); old != nil {
		*old = p
		return
	}
	c.Processes = append(c.Processes, p)
}

// DropProcesses forgets the processes whose name matches.
func (c *Cluster) DropProcesses(match func(name string) bool) {
	kept := c.Processes[:0]
	for _, p := range c.Processes {
		if !match(p.Name) {
			kept = append(kept, p)
		}
	}
	c.Processes = kept
}
