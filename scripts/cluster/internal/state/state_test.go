package state

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "state.json")
	want := &Cluster{
		Phase: Up, StartedAt: time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC), BootID: "b", StateDir: "/s", Kubernetes: "v1.36.3",
		IPForward: "0", CreatedDirs: []string{"/var/lib/cni"},
		Nodes:     []Node{{Name: "node1", Index: 1, Powered: true, Linked: true}},
		Processes: []Process{{Name: "etcd", PID: 7, StartTicks: 99}},
	}
	if err := Save(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v (%v), want the state file alone", entries, err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	damaged := filepath.Join(dir, "damaged.json")
	if err := os.WriteFile(damaged, []byte(`{"phase": "up`), 0o644); err != nil {
		t.Fatal(err)
	}
	if c, err := Load(filepath.Join(dir, "absent.json")); c != nil || err != nil {
		t.Errorf("absent file: got %v, %v, want nothing", c, err)
	}
	if _, err := Load(damaged); err == nil || !strings.Contains(err.Error(), "run `cluster down`") {
		t.Errorf("damaged file: got error %v, want one that says what to do", err)
	}
}

func TestProcesses(t *testing.T) {
	c := &Cluster{}
	for _, p := range []Process{{"etcd", 1, 1}, {"node1/kubelet", 2, 2}, {"node10/kubelet", 3, 3}, {"etcd", 4, 4}} {
		c.SetProcess(p)
	}
	c.DropProcesses(func(name string) bool { return strings.HasPrefix(name, "node1/") })
	want := []Process{{"etcd", 4, 4}, {"node10/kubelet", 3, 3}}
	if !reflect.DeepEqual(c.Processes, want) {
		t.Errorf("got %v, want %v", c.Processes, want)
	}
}

func TestNodeNotFoundNamesTheNodes(t *testing.T) {
	c := &Cluster{Nodes: []Node{{Name: "node1"}, {Name: "node2"}}}
	_, err := c.Node("web")
	want := `no node "web" in the cluster; its nodes are ["node1" "node2"]`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestLockNamesItsHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Acquire(context.Background(), path, "up", 0)
	if err != nil {
		t.Fatal(err)
	}
	if !Held(path) {
		t.Error("Held says no while the lock is held")
	}
	_, err = Acquire(context.Background(), path, "down", 0)
	if err == nil || !strings.Contains(err.Error(), "`cluster up`, process ") {
		t.Errorf("second command: got %v, want an error that names the first", err)
	}
	first.Release()
	if Held(path) {
		t.Error("Held says yes after the lock was released")
	}
	second, err := Acquire(context.Background(), path, "down", 0)
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	second.Release()
}
