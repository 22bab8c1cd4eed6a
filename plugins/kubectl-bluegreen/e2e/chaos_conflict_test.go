package e2e_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/e2e"
)

// Two operators at once: the second one is told who is at work and since when, and changes nothing, whichever of the
// Services it names.
func TestChaosTwoOperators(t *testing.T) {
	t.Parallel()
	n, traffic := startLight(t, guarded)
	first := n.Start(bluegreen("run", "--image", e2e.Image("v2"), "--soak", "15s", "--yes")...)
	first.AwaitStderr("] watch the pods of hello-green", 60*time.Second)

	proxy := n.StartProxy(e2e.Hooks{})
	held := regexp.MustCompile(`service/hello is locked by \S+@\S+/[0-9a-f]{8} since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \(run hello\)`)
	for _, service := range []string{"hello", "hello-np"} {
		second := proxy.Want(6, "bluegreen", "rollback", service, "--yes")
		if !held.MatchString(second.Stderr) || !strings.Contains(second.Stderr, "--take-lock") {
			t.Errorf("the second operator is not told who holds the lock and what to do\n%v", second)
		}
		if second.Took > 8*time.Second {
			t.Errorf("the second operator was answered after %.1f s, want about 5", second.Took.Seconds())
		}
		e2e.Figure(t, "until the second operator is answered", second.Took.Seconds(), "s")
	}
	if writes := proxy.Writes(); len(writes) > 0 {
		t.Errorf("the second operator wrote: %+v", writes)
	}
	if r := first.Wait(); r.Code != 0 {
		t.Errorf("the first operator was disturbed\n%v", r)
	}
	traffic.Stop().NoneLost(t)
}

// An operator whose lock is taken over by force stops, and does not write any more.
func TestChaosLockTakenOver(t *testing.T) {
	t.Parallel()
	n, traffic := startLight(t, guarded)
	robbed := n.Start(bluegreen("run", "--image", e2e.Image("v2"), "--soak", "12s", "--yes")...)
	robbed.AwaitStderr("] watch the pods of hello-green", 60*time.Second)
	n.Want(0, bluegreen("rollback", "--yes", "--take-lock")...)
	r := robbed.Wait()
	if r.Code != 6 || !strings.Contains(r.Stderr, "the lock on service/hello was") {
		t.Errorf("the robbed operator ended with exit code %d, want 6 and why\n%v", r.Code, r)
	}
	if on := active(n, "slot"); on != "blue" {
		t.Errorf("the Service is on %q, want blue: the rollback was the last word", on)
	}
	restored(t, n)
	traffic.Stop().NoneLost(t)
}

// Somebody else changes the Service between the judgement and the write. What he wrote is not overwritten, unless it has
// nothing to do with the release: then it stays beside what the release writes.
func TestChaosForeignEdit(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		name, patch string
		code        int
		// path and want are what is there at the end; says is what the command says.
		path, want, says string
	}{
		{"of the slot", `{"spec":{"selector":{"slot":"purple"}}}`, 6, "{.spec.selector}", `{"app":"hello","slot":"purple"}`,
			`service hello: its selector was changed by somebody else: slot is "purple", where the plan has "blue"`},
		{"of another key of the selector", `{"spec":{"selector":{"app":"other"}}}`, 5, "{.spec.selector}", `{"app":"other","slot":"blue"}`,
			"service hello would select app=other,slot=green: 0 pods"},
		{"that adds a port which the new side does not serve", `{"spec":{"ports":[{"name":"admin","port":81,"targetPort":"admin"}]}}`, 5,
			"{.spec.selector.slot} {.spec.ports[*].name}", "blue admin http", "admin"},
		{"of an annotation", `{"metadata":{"annotations":{"example.com/owner":"web"}}}`, 0, `{.spec.selector.slot} {.metadata.annotations.example\.com/owner}`, "green web", ""},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			n := e2e.NewNamespace(t)
			n.Apply(guarded)
			n.Rollout("deployment/hello-blue")
			n.Want(0, bluegreen("prepare", "--image", e2e.Image("v2"), "--yes")...)
			var once sync.Once
			proxy := n.StartProxy(e2e.Hooks{Before: func(c e2e.Call) {
				if writeName(c) == "PATCH services hello" {
					once.Do(func() { n.Kubectl("patch", "service", "hello", "-p", one.patch) })
				}
			}})
			r := proxy.Want(one.code, bluegreen("switch", "--yes")...)
			if !strings.Contains(r.Stderr, one.says) {
				t.Errorf("it does not say %q\n%v", one.says, r)
			}
			if got := n.Field("service/hello", one.path); got != one.want {
				t.Errorf("the Service has %s, want %s\n%v", got, one.want, r)
			}
			if other := n.Field("service/hello-np", "{.spec.selector.slot}"); one.code != 0 && other != "blue" {
				t.Errorf("the other Service was moved to %q", other)
			}
		})
	}
}

// An HPA scales the active side during the release: the new side is brought to the same size before it gets any traffic,
// and neither HPA keeps a minimum that is not its own. The PDB has a counterpart that guards the new side alone.
func TestChaosHPAScalesDuringTheRelease(t *testing.T) {
	t.Parallel()
	n, traffic := startLight(t, guarded)
	var scaling sync.Once
	var atSwitch string
	proxy := n.StartProxy(e2e.Hooks{Before: func(c e2e.Call) {
		switch writeName(c) {
		case "POST horizontalpodautoscalers": // the new side is being made
			scaling.Do(func() { n.Kubectl("scale", "deployment/hello-blue", "--replicas=4") })
		case "PATCH services hello-np": // the second half of the switch
			atSwitch = n.Field("deployment/hello-green", "{.status.availableReplicas} of {.spec.replicas}")
		}
	}})
	r := proxy.Want(0, bluegreen("run", "--image", e2e.Image("v2"), "--soak", "2s", "--keep-old=0s", "--yes")...)
	if atSwitch != "4 of 4" {
		t.Errorf("at the switch %s pods of the new side were available, want 4 of 4: the active side was scaled to that\n%v", atSwitch, r)
	}
	restored(t, n)
	if old := n.Field("hpa/hello-blue", "{.spec.minReplicas}"); old != "1" {
		t.Errorf("the HPA of the old side has the minimum %s, want its own, 1", old)
	}
	if guard := n.Field("pdb/hello-green", "{.spec.selector.matchLabels} {.spec.maxUnavailable}"); guard != `{"app":"hello","slot":"green"} 1` {
		t.Errorf("the PDB of the new side guards %s", guard)
	}
	traffic.Stop().NoneLost(t)
}
