package e2e_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/e2e"
)

// These tests break the cluster that all tests share, so they run alone.

// The API server is restarted in the middle of a release: the release goes on by itself, and nothing is lost.
func TestChaosAPIServerRestart(t *testing.T) {
	for _, one := range []struct{ name, at string }{
		{"while the new side comes up", "] wait until deployment hello-green is available"},
		{"in the soak", "] watch the pods of hello-green"},
		{"in the drain of the old side", "] see that nothing leads to deployment hello-blue"},
	} {
		t.Run(one.name, func(t *testing.T) {
			if one.at != "] watch the pods of hello-green" {
				onlyLong(t)
			}
			n, traffic := startLight(t, guarded)
			process := n.Start(bluegreen("run", "--image", e2e.Image("v2"), "--soak", "5s", "--keep-old=0s", "--yes")...)
			process.AwaitStderr(one.at, 60*time.Second)
			before := time.Now()
			e2e.Cluster(t, "apiserver", "restart")
			e2e.Figure(t, "API server restart", time.Since(before).Seconds(), "s")
			if r := process.Wait(); r.Code != 0 {
				t.Errorf("the release did not go on by itself\n%v", r)
			}
			if on := active(n, "slot"); on != "green" {
				t.Errorf("the Service is on %q, want green", on)
			}
			restored(t, n)
			traffic.Stop().NoneLost(t)
		})
	}
}

// The API server is restarted at the moment of the switch write: the write is made when it is back, or found to be made.
func TestChaosAPIServerRestartAtTheSwitch(t *testing.T) {
	onlyLong(t)
	n, traffic := startLight(t, guarded)
	var restarts atomic.Int32
	proxy := n.StartProxy(e2e.Hooks{Answered: func(c e2e.Call) bool {
		if writeName(c) != "PATCH services hello-np" || restarts.Add(1) > 1 {
			return true
		}
		e2e.Cluster(t, "apiserver", "restart")
		return false // and the answer is lost
	}})
	proxy.Want(0, bluegreen("run", "--image", e2e.Image("v2"), "--soak", "1s", "--yes")...)
	if restarts.Load() == 0 {
		t.Error("the API server was not restarted")
	}
	restored(t, n)
	traffic.Stop().NoneLost(t)
}

// A node is cut off while the new side comes up. Promised is: no Service is pointed at a side that is not fully available,
// so the switch waits until the node is back; a command whose time is over says so with exit code 4, and the same command
// goes on. Not promised is that no request is lost: the pods on that node are endpoints until the control plane gives it up,
// after 40 s and more, and whoever is sent there meanwhile is lost, as is everybody who comes by that node's own port, which
// one of the meters does. How many these are is reported.
func TestChaosNodeCutOff(t *testing.T) {
	onlyLong(t)
	slow := changedStartup(t, "8s")
	n, traffic := startLight(t, slow)
	var cut atomic.Bool
	proxy := n.StartProxy(e2e.Hooks{Before: func(c e2e.Call) {
		if cut.Load() && writeName(c) == "PATCH services hello-np" {
			t.Error("the Services were switched while half of the new side was cut off")
		}
	}})
	command := bluegreen("run", "--image", e2e.Image("v2"), "--soak", "2s", "--timeout", "25s", "--yes")
	process := proxy.Start(command...)
	process.AwaitStderr("] wait until deployment hello-green is available", 60*time.Second)
	n.Eventually(20*time.Second, "the new pods are placed", func() bool {
		return n.Kubectl("get", "pods", "-l", "slot=green", "--field-selector=spec.nodeName!=", "-o", "name") != ""
	})
	t.Cleanup(func() { e2e.Cluster(t, "node", "heal", "node2") })
	e2e.Cluster(t, "node", "cut", "node2")
	cut.Store(true)
	if r := process.Wait(); r.Code != 4 {
		t.Errorf("exit code %d, want 4: the pods on the lost node cannot become available\n%v", r.Code, r)
	}
	if on := active(n, "slot"); on != "blue" {
		t.Errorf("the Service is on %q while half of the new side is cut off, want blue", on)
	}
	cut.Store(false)
	e2e.Cluster(t, "node", "heal", "node2")
	n.Kubectl("wait", "node", "--all", "--for=condition=Ready", "--timeout=120s")
	proxy.Want(0, bluegreen("run", "--image", e2e.Image("v2"), "--soak", "2s", "--yes")...)
	restored(t, n)
	reports := traffic.Stop()
	t.Logf("\n%v", reports)
	e2e.Figure(t, "requests while a node was cut off and after", float64(reports.Sent()), "requests")
	e2e.Figure(t, "lost on the node that was cut off", float64(reports.Lost()), "requests")
}

// changedStartup is the guarded application with another start-up time.
func changedStartup(t *testing.T, startup string) string {
	t.Helper()
	return changed(t, guarded, "{name: STARTUP, value: 1s}", "{name: STARTUP, value: "+startup+"}")
}
