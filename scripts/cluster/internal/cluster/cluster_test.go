package cluster

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/state"
)

func TestMissingPackages(t *testing.T) {
	for _, tc := range []struct {
		name   string
		absent []string
		want   []string
	}{
		{"nothing", nil, nil},
		{"two programs of one package", []string{"containerd", "ctr"}, []string{"containerd"}},
		{"several", []string{"runc", "/usr/lib/cni/ptp", "conntrack"}, []string{"runc", "containernetworking-plugins", "conntrack"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := missingPackages(func(program string) bool { return !slices.Contains(tc.absent, program) })
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestOverall(t *testing.T) {
	for _, tc := range []struct {
		name            string
		phase           state.Phase
		alive, recorded int
		held            bool
		want            string
	}{
		{"coming up", state.Starting, 2, 2, true, "starting"},
		{"killed while coming up", state.Starting, 2, 2, false, "interrupted"},
		{"whole", state.Up, 10, 10, false, "up"},
		{"a process ended", state.Up, 9, 10, false, "degraded"},
		{"after a reboot", state.Up, 0, 10, false, "interrupted"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := overall(tc.phase, tc.alive, tc.recorded, tc.held); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestCheckReady(t *testing.T) {
	const list = `{"items": [
		{"metadata": {"name": "node1"}, "status": {"conditions": [
			{"type": "MemoryPressure", "status": "False"},
			{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": "2026-11-22T03:00:05Z"}]}},
		{"metadata": {"name": "node2"}, "status": {"conditions": [
			{"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "no network", "lastHeartbeatTime": "2026-11-22T03:00:05Z"}]}}]}`
	var nodes nodeList
	if err := json.Unmarshal([]byte(list), &nodes); err != nil {
		t.Fatal(err)
	}
	at := func(sec, nsec int) time.Time { return time.Date(2026, 11, 22, 3, 0, sec, nsec, time.UTC) }
	for _, tc := range []struct {
		name, node string
		since      time.Time
		want       string
	}{
		{"ready", "node1", at(0, 0), ""},
		{"said so within the same second", "node1", at(5, 900_000_000), ""},
		{"said so before", "node1", at(6, 0), `node "node1" has not reported since 03:00:06`},
		{"not ready", "node2", at(0, 0), `node "node2" is not Ready: KubeletNotReady: no network`},
		{"unknown", "node3", at(0, 0), `node "node3" has not registered`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ""
			if err := nodes.checkReady(tc.node, tc.since); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestStatusText(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 4, 5, 0, time.Local)
	for _, tc := range []struct {
		name   string
		status Status
		want   string
	}{
		{"down", Status{State: "down", Cache: "/c"}, "no cluster is up; start one with `cluster up`\ncache       /c\n"},
		{"degraded", Status{
			State: "degraded", StartedAt: &at, Kubernetes: "v1.36.3", Server: "https://10.200.0.1:6443", Router: "http://127.0.0.1:8000",
			Kubeconfig: "/s/admin.kubeconfig", Kubectl: "/c/k/kubectl", StateDir: "/s", Cache: "/c",
			Nodes: []NodeStatus{
				{Name: "node1", IP: "10.200.1.2", Power: "on", Link: "up", Ready: "True"},
				{Name: "node2", IP: "10.200.2.2", Power: "on", Link: "cut"},
			},
			Processes: []ProcessStatus{{Name: "etcd", PID: 7, Running: true}, {Name: "node1/kubelet", PID: 1234}},
		}, "state       degraded, since 2026-11-22 03:04:05\n" +
			"kubernetes  v1.36.3 at https://10.200.0.1:6443\n" +
			"router      http://127.0.0.1:8000, Gateway switchyard-router/switchyard, IngressClass nginx\n" +
			"kubeconfig  /s/admin.kubeconfig\n" +
			"kubectl     /c/k/kubectl\n" +
			"files       /s\n" +
			"cache       /c\n" +
			"\n" +
			"NODE   IP          POWER  LINK  READY\n" +
			"node1  10.200.1.2  on     up    True\n" +
			"node2  10.200.2.2  on     cut   <unknown>\n" +
			"\n" +
			"PROCESS        PID   STATE\n" +
			"etcd           7     running\n" +
			"node1/kubelet  1234  ended, see `cluster logs node1/kubelet`\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := tc.status.print(&out); err != nil {
				t.Fatal(err)
			}
			if out.String() != tc.want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), tc.want)
			}
		})
	}
}

func TestCheckStateDir(t *testing.T) {
	root := t.TempDir()
	touch := func(name string) string {
		dir := filepath.Dir(filepath.Join(root, name))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, tc := range []struct {
		name, dir string
		refused   bool
	}{
		{"absent", filepath.Join(root, "absent"), false},
		{"made by this tool", touch("ours/.switchyard-cluster"), false},
		{"other files", touch("other/letter.txt"), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := checkStateDir(tc.dir); (err != nil) != tc.refused {
				t.Errorf("got %v, want refused %v", err, tc.refused)
			}
		})
	}
}

func TestTail(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(file, []byte(strings.Repeat("old line\n", 1000)+"a\nb\nc\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := tail(file, 2); got != "b\nc" {
		t.Errorf("got %q, want the last two lines", got)
	}
}

func TestTracesNameWhatIsLeft(t *testing.T) {
	if (traces{}).anything() {
		t.Error("nothing counts as something")
	}
	left := traces{cgroup: true, netns: []string{"switchyard-node1"}, links: []string{"sy-node1"}, guards: true, address: true,
		alive: []state.Process{{Name: "etcd", PID: 7}}}
	want := []string{
		"process 7 (etcd)", "cgroup switchyard-cluster", "network namespace switchyard-node1", "link sy-node1",
		"unreachable routes of 10.200.0.0/16, 10.244.0.0/16, 10.96.0.0/16", "address 10.200.0.1",
	}
	if got := left.onMachine(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
