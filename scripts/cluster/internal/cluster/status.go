package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/artifact"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/host"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/render"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/state"
)

// ErrUnhealthy is returned by PrintStatus after it has printed that the cluster is not up or not whole.
var ErrUnhealthy = errors.New("the cluster is not healthy")

// Status is the document of `cluster status -o json`.
type Status struct {
	// State is "up", "degraded" (a process that should run does not), "starting", "interrupted" or "down".
	State      string          `json:"state"`
	StartedAt  *time.Time      `json:"startedAt,omitempty"`
	Kubernetes string          `json:"kubernetes,omitempty"`
	Server     string          `json:"server,omitempty"`
	Router     string          `json:"router,omitempty"`
	Kubeconfig string          `json:"kubeconfig,omitempty"`
	Kubectl    string          `json:"kubectl,omitempty"`
	StateDir   string          `json:"stateDir,omitempty"`
	Cache      string          `json:"cache"`
	Nodes      []NodeStatus    `json:"nodes,omitempty"`
	Processes  []ProcessStatus `json:"processes,omitempty"`
}

// NodeStatus is one node in Status.
type NodeStatus struct {
	Name string `json:"name"`
	IP   string `json:"ip"`
	// Power is "on" or "off", Link "up" or "cut": what was done to the node by this tool.
	Power string `json:"power"`
	Link  string `json:"link"`
	// Ready is the node's condition: "True", "False", "Unknown", or empty when the API server does not answer.
	Ready string `json:"ready"`
}

// ProcessStatus is one process in Status.
type ProcessStatus struct {
	Name    string `json:"name"`
	PID     int    `json:"pid"`
	Running bool   `json:"running"`
	Log     string `json:"log"`
}

// PrintStatus prints the cluster's status, and returns ErrUnhealthy unless it is up and whole.
func PrintStatus(ctx context.Context, asJSON bool, streams Streams) error {
	status, err := readStatus(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		encoder := json.NewEncoder(streams.Out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(status)
	} else {
		err = status.print(streams.Out)
	}
	if err == nil && status.State != "up" {
		err = ErrUnhealthy
	}
	return err
}

func readStatus(ctx context.Context) (Status, error) {
	cache, err := artifact.OpenCache()
	if err != nil {
		return Status{}, err
	}
	status := Status{State: "down", Cache: cache.Dir}
	st, err := state.Load(layout.StateFile())
	if err != nil || st == nil {
		return status, err
	}
	paths := layout.Paths{StateDir: st.StateDir}
	status.StartedAt, status.Kubernetes, status.StateDir = &st.StartedAt, st.Kubernetes, st.StateDir
	status.Kubeconfig, status.Kubectl = paths.Kubeconfig("admin"), filepath.Join(st.Binaries, "kubectl")
	status.Server = render.Server()
	if st.Router != "" {
		status.Router = routerURL
	}
	alive := 0
	for _, p := range st.Processes {
		running := sameBoot(st) && host.Alive(p.PID, p.StartTicks)
		if running {
			alive++
		}
		status.Processes = append(status.Processes, ProcessStatus{Name: p.Name, PID: p.PID, Running: running, Log: paths.Log(p.Name)})
	}
	status.State = overall(st.Phase, alive, len(st.Processes), state.Held(layout.LockFile))
	ready := readyNodes(ctx, paths)
	for _, n := range st.Nodes {
		node := NodeStatus{Name: n.Name, IP: layout.NodeIP(n.Index), Power: "on", Link: "up", Ready: ready[n.Name]}
		if !n.Powered {
			node.Power = "off"
		}
		if !n.Linked {
			node.Link = "cut"
		}
		status.Nodes = append(status.Nodes, node)
	}
	return status, nil
}

// overall decides the state from the recorded phase, how many of the recorded processes run, and whether some command
// holds the lock.
func overall(phase state.Phase, alive, recorded int, held bool) string {
	switch {
	case phase == state.Starting && held:
		return "starting"
	case phase == state.Starting || alive == 0:
		return "interrupted"
	case alive < recorded:
		return "degraded"
	}
	return "up"
}

func readyNodes(ctx context.Context, paths layout.Paths) map[string]string {
	ready := map[string]string{}
	client, err := newAPI(paths)
	if err != nil {
		return ready
	}
	list, err := client.nodes(ctx)
	if err != nil {
		return ready
	}
	for _, n := range list.Items {
		c, _ := list.ready(n.Metadata.Name)
		ready[n.Metadata.Name] = c.Status
	}
	return ready
}

func (s Status) print(out io.Writer) error {
	if s.StartedAt == nil {
		_, err := fmt.Fprintf(out, "no cluster is up; start one with `cluster up`\ncache       %s\n", s.Cache)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "state\t%s, since %s\n", s.State, s.StartedAt.Format(time.DateTime))
	if s.State == "interrupted" {
		fmt.Fprintf(w, "\tclean up with `cluster down`, or start again with `cluster up`\n")
	}
	fmt.Fprintf(w, "kubernetes\t%s at %s\n", s.Kubernetes, s.Server)
	if s.Router != "" {
		fmt.Fprintf(w, "router\t%s, Gateway %s/%s, IngressClass nginx\n", s.Router, layout.RouterNamespace, layout.RouterGateway)
	}
	fmt.Fprintf(w, "kubeconfig\t%s\nkubectl\t%s\nfiles\t%s\ncache\t%s\n", s.Kubeconfig, s.Kubectl, s.StateDir, s.Cache)
	fmt.Fprintf(w, "\nNODE\tIP\tPOWER\tLINK\tREADY\n")
	for _, n := range s.Nodes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", n.Name, n.IP, n.Power, n.Link, orUnknown(n.Ready))
	}
	fmt.Fprintf(w, "\nPROCESS\tPID\tSTATE\n")
	for _, p := range s.Processes {
		text := "running"
		if !p.Running {
			text = "ended, see `cluster logs " + p.Name + "`"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\n", p.Name, p.PID, text)
	}
	return w.Flush()
}

func orUnknown(ready string) string {
	if ready == "" {
		return "<unknown>"
	}
	return ready
}

// Kubeconfig prints the path of the administrator's kubeconfig.
func Kubeconfig(streams Streams) error {
	s, err := load(streams)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(streams.Out, s.paths.Kubeconfig("admin"))
	return err
}

// Build fills the cache and prints the folder of the Kubernetes components.
func Build(ctx context.Context, version artifact.Version, router bool, streams Streams) error {
	cache, err := artifact.OpenCache()
	if err != nil {
		return err
	}
	report := artifact.NewProgress(streams.Err)
	dir, err := cache.Kubernetes(ctx, version, report)
	if err != nil {
		return err
	}
	if _, err := cache.Pause(ctx, report); err != nil {
		return err
	}
	if router {
		if _, err := cache.Router(ctx, report); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(streams.Out, dir)
	return err
}
