package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/e2e"
)

// killed is a command that is killed at each of its writes, and then run again.
type killed struct {
	name, yaml string
	// before brings the application to where the command begins.
	before  [][]string
	command []string
	// slot and version serve at the end.
	slot, version string
	// after checks what else must be true at the end.
	after func(t *testing.T, n *e2e.Namespace)
	// short are the writes of the short form; nil leaves the whole case to the long form.
	short []string
}

var (
	releaseV2 = bluegreen("run", "--image", "localhost/demoapp:v2", "--soak", "1s", "--yes")
	killCases = []killed{
		{
			name: "run with adoption", yaml: lone,
			command: append(slices.Clone(releaseV2), "--keep-old=0s"), slot: "green", version: "v2",
			short: []string{"PATCH services hello #1", "PATCH deployments hello #1", "PATCH services hello #2", "PATCH services hello-np #1", "POST deployments #1",
				"PATCH services hello #3", "PATCH services hello-np #2", "PATCH services hello #4", "PATCH deployments hello #3"},
			after: func(t *testing.T, n *e2e.Namespace) {
				if size := n.Field("deployment/hello", "{.spec.replicas}"); size != "0" {
					t.Errorf("the old side has %s replicas, want 0", size)
				}
			},
		},
		{
			name: "run with HPA, PDB and preview", yaml: guarded,
			command: append(slices.Clone(releaseV2), "--preview"), slot: "green", version: "v2",
			short: []string{"POST deployments #1", "PATCH services hello #2"},
			after: func(t *testing.T, n *e2e.Namespace) { haveCounterparts(t, n, "hello-green") },
		},
		{
			name: "run that deletes the old side", yaml: guarded,
			command: append(slices.Clone(releaseV2), "--preview", "--keep-old=0s", "--delete"), slot: "green", version: "v2",
			after: func(t *testing.T, n *e2e.Namespace) {
				if left := n.Kubectl("get", "deployments,services", "-o", "name"); left != "deployment.apps/hello-green\nservice/hello\nservice/hello-np\n" {
					t.Errorf("left over:\n%s", left)
				}
			},
		},
		{
			name: "rollback", yaml: guarded, before: [][]string{releaseV2},
			command: bluegreen("rollback", "--yes"), slot: "blue", version: "v1",
			short: []string{"PATCH services hello #1", "PATCH services hello-np #1"},
		},
		{
			name: "rollback to a side that was scaled down", yaml: guarded, before: [][]string{append(slices.Clone(releaseV2), "--keep-old=0s")},
			command: bluegreen("rollback", "--yes"), slot: "blue", version: "v1",
		},
		{
			name: "run into a used slot", yaml: guarded, before: [][]string{releaseV2, bluegreen("rollback", "--yes")},
			command: bluegreen("run", "--image", "localhost/demoapp:v3", "--soak", "1s", "--yes"), slot: "green", version: "v3",
		},
		{
			name: "prepare and switch", yaml: lone, before: [][]string{bluegreen("prepare", "--image", "localhost/demoapp:v2", "--yes")},
			command: bluegreen("switch", "--yes"), slot: "green", version: "v2",
		},
		{
			name: "finish --delete", yaml: guarded, before: [][]string{releaseV2, bluegreen("rollback", "--yes")},
			command: bluegreen("finish", "--delete", "--yes"), slot: "blue", version: "v1",
			after: func(t *testing.T, n *e2e.Namespace) {
				if left := n.Kubectl("get", "deployments,hpa,pdb", "-o", "name"); strings.Contains(left, "green") {
					t.Errorf("left over:\n%s", left)
				}
			},
		},
		{
			name: "abort at the gate", yaml: guarded, before: [][]string{append(slices.Clone(releaseV2), "--gate=manual", "--preview")},
			command: bluegreen("abort", "--delete", "--yes"), slot: "blue", version: "v1",
			after: func(t *testing.T, n *e2e.Namespace) {
				if left := n.Kubectl("get", "deployments,services,hpa,pdb", "-o", "name"); strings.Contains(left, "green") || strings.Contains(left, "preview") {
					t.Errorf("left over:\n%s", left)
				}
			},
		},
	}
)

// haveCounterparts fails the test unless a Deployment has an HPA and a PDB.
func haveCounterparts(t *testing.T, n *e2e.Namespace, name string) {
	t.Helper()
	if r := n.Try("get", "hpa/"+name, "pdb/"+name, "-o", "name"); r.Code != 0 {
		t.Errorf("no HPA or no PDB of the new side\n%v", r)
	}
}

// A client that dies after any of its writes leaves all traffic served, and the same command finishes its work.
func TestChaosKillAfterAWrite(t *testing.T) {
	t.Parallel()
	for _, one := range killCases {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			points := one.short
			if long() {
				points = one.reference(t)
			} else if points == nil {
				t.Skipf("left to the long form; set %s=long, as make chaos does", chaosVariable)
			}
			for _, point := range points {
				for _, loss := range []e2e.Loss{e2e.AnswerLost, e2e.AnswerDelivered} {
					if loss == e2e.AnswerDelivered && !long() {
						continue
					}
					t.Run(fmt.Sprintf("%s, answer lost %t", point, loss), func(t *testing.T) {
						t.Parallel()
						one.killAt(t, point, loss)
					})
				}
			}
		})
	}
}

// reference runs the command undisturbed and returns the names of its writes.
func (k killed) reference(t *testing.T) []string {
	n, traffic := k.begin(t)
	proxy := n.StartProxy(e2e.Hooks{})
	proxy.Want(0, k.command...)
	var points []string
	name := numbered()
	for _, write := range proxy.Writes() {
		points = append(points, name(write))
	}
	k.end(t, n, traffic)
	t.Logf("%s makes %d writes:\n%s", strings.Join(k.command, " "), len(points), strings.Join(points, "\n"))
	return points
}

func (k killed) begin(t *testing.T) (*e2e.Namespace, *e2e.Traffic) {
	t.Helper()
	n, traffic := startLight(t, k.yaml)
	for _, command := range k.before {
		r := n.Try(command...)
		if atGate := slices.Contains(command, "--gate=manual"); r.Code != 0 && !(atGate && r.Code == 3) {
			t.Fatalf("%v", r)
		}
	}
	return n, traffic
}

func (k killed) killAt(t *testing.T, point string, loss e2e.Loss) {
	n, traffic := k.begin(t)
	name := numbered()
	result, dead := n.StartProxy(e2e.Hooks{}).RunKilledAt(func(c e2e.Call) bool { return name(c) == point }, loss, k.command...)
	if !dead {
		t.Fatalf("the command made no write %q\n%v", point, result)
	}
	after := statusIsTrue(t, n)
	again := n.Want(0, k.command...)
	t.Logf("killed after %.1f s; status: active %q, release %+v; again:\n%s", result.Took.Seconds(), after.Active, after.Release, again.Stderr)
	k.end(t, n, traffic)
	e2e.Figure(t, "wall time of the repeated command", again.Took.Seconds(), "s")
}

// end checks what must be true when the command has run to its end.
func (k killed) end(t *testing.T, n *e2e.Namespace, traffic *e2e.Traffic) {
	t.Helper()
	for _, service := range []string{"hello", "hello-np"} {
		if slot := n.Field("service/"+service, "{.spec.selector.slot}"); slot != k.slot {
			t.Errorf("service %s is on slot %q, want %q", service, slot, k.slot)
		}
	}
	statusIsTrue(t, n)
	restored(t, n)
	if k.after != nil {
		k.after(t, n)
	}
	already := traffic.Snapshot().Answers(k.version)
	n.Eventually(15*time.Second, "answers of "+k.version, func() bool { return traffic.Snapshot().Answers(k.version) > already+100 })
	traffic.Stop().NoneLost(t)
}
