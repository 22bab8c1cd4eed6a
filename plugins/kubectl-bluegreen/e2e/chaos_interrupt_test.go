package e2e_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/e2e"
)

// A command that is interrupted while it waits gives the lock back, says where the traffic is and how to go on, and the
// same command goes on.
func TestChaosInterrupt(t *testing.T) {
	t.Parallel()
	slow := changedStartup(t, "5s")
	for _, one := range []struct {
		name, yaml, at string
		signal         os.Signal
		// phase and active are what status tells afterwards; says is what the command says at last.
		phase, active string
		says          []string
	}{
		{
			name: "while the new side comes up", yaml: slow, at: "] wait until deployment hello-green is available", signal: os.Interrupt,
			phase: "Preparing", active: "blue",
			says: []string{"interrupted", "no traffic was moved: service hello is on slot=blue (deployment hello-blue)", "the same command again resumes", "abort"},
		},
		{
			name: "in the soak", yaml: guarded, at: "] watch the pods of hello-green", signal: os.Interrupt,
			phase: "Soaking", active: "green",
			says: []string{"interrupted", "service hello is on slot=green (deployment hello-green)", "kubectl bluegreen run hello", "rollback"},
		},
		{
			name: "in the middle of an adoption, by SIGTERM", yaml: lone, at: "] wait until nothing routes to the unlabelled pods", signal: syscall.SIGTERM,
			phase: "Preparing", active: "blue",
			says: []string{"interrupted", "no traffic was moved: service hello is on slot=blue (deployment hello)", "the same command again resumes", "abort"},
		},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			n, traffic := startLight(t, one.yaml)
			command := bluegreen("run", "--image", e2e.Image("v2"), "--soak", "5s", "--yes")
			process := n.Start(command...)
			process.AwaitStderr(one.at, 60*time.Second)
			process.Signal(one.signal)
			signalled := time.Now()
			result := process.Wait()
			if result.Code != 130 || time.Since(signalled) > 5*time.Second {
				t.Errorf("it ended %.1f s after the signal with exit code %d, want 130 at once", time.Since(signalled).Seconds(), result.Code)
			}
			last := result.Stderr[strings.LastIndex(result.Stderr, "error: ")+1:]
			for _, text := range one.says {
				if !strings.Contains(last, text) {
					t.Errorf("it does not say %q", text)
				}
			}
			if s := statusIsTrue(t, n); s.Lock != nil || s.Active != one.active || s.Release == nil || s.Release.Phase != one.phase {
				t.Errorf("status: active %q, release %+v, lock %+v; want %q, %s and no lock", s.Active, s.Release, s.Lock, one.active, one.phase)
			}
			again := n.Want(0, command...)
			t.Logf("%v\nagain: %v", result, again)
			restored(t, n)
			if on := active(n, "slot"); on != "green" {
				t.Errorf("the Service is on %q at the end, want green", on)
			}
			traffic.Stop().NoneLost(t)
		})
	}
}
