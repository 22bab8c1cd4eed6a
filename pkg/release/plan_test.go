package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/output"
)

func TestWithin(t *testing.T) {
	step := func(id string) Step { return Step{ID: id, Text: "do " + id, Commands: []string{"kubectl " + id}} }
	approved := Plan{Title: "switch hello", Steps: []Step{step("grow"), step("wait"), step("switch")}}
	tests := []struct {
		name string
		plan Plan
		want bool
	}{
		{"the same", approved, true},
		{"notes do not count", Plan{Title: "switch hello", Steps: approved.Steps, Notes: []string{"1 of 2"}, Warnings: []string{"late"}}, true},
		{"some steps are done", Plan{Title: "switch hello", Steps: []Step{step("switch")}}, true},
		{"all steps are done", Plan{Title: "nothing to do"}, true},
		{"another title", Plan{Title: "switch world", Steps: approved.Steps}, false},
		{"one more step", Plan{Title: "switch hello", Steps: append([]Step{step("delete")}, approved.Steps...)}, false},
		{"another order", Plan{Title: "switch hello", Steps: []Step{step("switch"), step("grow")}}, false},
		{"a step twice", Plan{Title: "switch hello", Steps: []Step{step("grow"), step("grow")}}, false},
		{"another text", Plan{Title: "switch hello", Steps: []Step{{ID: "grow", Text: "do more", Commands: []string{"kubectl grow"}}}}, false},
		{"another command", Plan{Title: "switch hello", Steps: []Step{{ID: "grow", Text: "do grow", Commands: []string{"kubectl grow --replicas=9"}}}}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.plan.Within(approved); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestPlanText(t *testing.T) {
	plan := Plan{
		Title:    "switch hello\x1b[2J:",
		Steps:    []Step{{Text: "grow \u202ereversed", Commands: []string{"kubectl scale\n  fake line", "kubectl get"}}, {Text: "wait\r"}},
		Notes:    []string{"it is\tnoted"},
		Warnings: []string{"\x07bell", "bad \xff byte"},
	}
	want := `switch hello^[[2J:
  1. grow \u202ereversed
       kubectl scale\n  fake line
       kubectl get
  2. wait\r
  note: it is\tnoted
  warning: \x07bell
  warning: bad \xff byte
`
	if got := plan.Text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// engineWith returns an engine that writes to the buffer.
func engineWith(lock *Lock) (*Engine, *bytes.Buffer) {
	streams, _, _, errOut := genericiooptions.NewTestIOStreams()
	return &Engine{Messages: output.NewMessages(streams, "never"), Lock: lock}, errOut
}

// scripted is a step that answers with one error after the other, and then with "done".
func scripted(id string, answers ...error) Step {
	return Step{ID: id, Text: "do " + id, Do: func(context.Context) (string, error) {
		if len(answers) > 0 {
			answer := answers[0]
			answers = answers[1:]
			return "", answer
		}
		return "done " + id, nil
	}}
}

func timingsText(timings []Timing) string {
	var texts []string
	for _, timing := range timings {
		texts = append(texts, fmt.Sprintf("%s %.1fs %s", timing.Step, timing.Seconds, timing.Detail))
	}
	return strings.Join(texts, ", ")
}

func TestEngine(t *testing.T) {
	busy := apierrors.NewServiceUnavailable("starting")
	forever := scripted("switch")
	forever.Do = func(context.Context) (string, error) { return "", busy }
	waits := scripted("wait", errors.New("a wait was not skipped"))
	waits.Waits = true
	stuck := Step{ID: "wait", Text: "do wait", Do: func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", exit.Ended(ctx, "1 of 3")
	}}
	tests := []struct {
		name    string
		steps   []Step
		dry     bool
		want    string
		timings string
		said    string
	}{
		{
			name: "in order", steps: []Step{scripted("grow"), {ID: "quiet", Text: "say nothing", Do: func(context.Context) (string, error) { return "", nil }}, scripted("switch")},
			want: "<nil>", timings: "grow 0.0s done grow, quiet 0.0s , switch 0.0s done switch",
			said: "[1/3] do grow\n      done in 0s: done grow\n[2/3] say nothing\n[3/3] do switch\n      done in 0s: done switch\n",
		},
		{
			name: "an error that passes repeats the step", steps: []Step{scripted("grow", busy, busy), scripted("switch")},
			want: "<nil>", timings: "grow 0.6s done grow, switch 0.0s done switch",
			said: "[1/2] do grow\nwarning: do grow: starting; trying again\n      done in 600ms: done grow\n[2/2] do switch\n      done in 0s: done switch\n",
		},
		{
			name: "any other stops", steps: []Step{scripted("grow"), scripted("switch", exit.Errorf(exit.Refused, "too small")), scripted("shrink")},
			want: "5: too small", timings: "grow 0.0s done grow", said: "[1/3] do grow\n      done in 0s: done grow\n[2/3] do switch\n",
		},
		{
			name: "the deadline ends the tries", steps: []Step{scripted("grow"), forever},
			want: "4: timed out: do switch (last error: starting)", timings: "grow 0.0s done grow",
			said: "[1/2] do grow\n      done in 0s: done grow\n[2/2] do switch\nwarning: do switch: starting; trying again\n",
		},
		{name: "the deadline ends a step", steps: []Step{stuck}, want: "4: timed out: 1 of 3", said: "[1/1] do wait\n"},
		{
			name: "a dry run skips the waits", steps: []Step{scripted("grow"), waits, scripted("switch")}, dry: true,
			want: "<nil>", timings: "grow 0.0s done grow, switch 0.0s done switch",
			said: "[1/3] do grow (server dry run)\n      done in 0s: done grow\n[2/3] skipped: do wait (server dry run)\n[3/3] do switch (server dry run)\n      done in 0s: done switch\n",
		},
		{name: "no steps", want: "<nil>"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				engine, said := engineWith(nil)
				if test.dry {
					engine.SkipWaits, engine.Suffix = true, " (server dry run)"
				}
				timings, err := engine.Run(ctx, test.steps)
				if got := describeError(err); got != test.want || timingsText(timings) != test.timings || said.String() != test.said {
					t.Errorf("got %s; %s\n%s\nwant %s; %s\n%s", got, timingsText(timings), said, test.want, test.timings, test.said)
				}
			})
		})
	}
}

func TestEngineUnderALock(t *testing.T) {
	takenOver := "6: the lock on service/hello was taken over by bob@ci/ID since 1999-12-31T23:50:00Z (run hello); stopped"
	tests := []struct {
		name string
		// steps are what is run; steal takes the lock.
		steps   func(steal func()) []Step
		want    string
		timings string
	}{
		{"it is held", func(func()) []Step { return []Step{scripted("grow"), scripted("switch")} }, "<nil>", "grow 0.0s done grow, switch 0.0s done switch"},
		{"it is lost between two steps", func(steal func()) []Step {
			return []Step{{ID: "grow", Do: func(context.Context) (string, error) { steal(); return "", nil }}, scripted("switch")}
		}, takenOver, "grow 0.0s "},
		{"it is lost during a wait", func(steal func()) []Step {
			return []Step{scripted("grow"), {ID: "wait", Do: func(ctx context.Context) (string, error) {
				steal()
				<-ctx.Done()
				return "", exit.Ended(ctx, "1 of 3")
			}}}
		}, takenOver, "grow 0.0s done grow"},
		{"it is lost while a step is tried again", func(steal func()) []Step {
			return []Step{{ID: "switch", Do: func(context.Context) (string, error) {
				steal()
				return "", apierrors.NewServiceUnavailable("starting")
			}}}
		}, takenOver, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newLeaseServer()
				lock := acquired(t, s, requestBy("ann@laptop", &lines{}))
				defer lock.Release()
				engine, _ := engineWith(lock)
				start := time.Now()
				timings, err := engine.Run(t.Context(), test.steps(func() { s.holds(t, deadLease) }))
				if got := describeError(err); got != test.want || timingsText(timings) != test.timings || time.Since(start) > renewEvery {
					t.Errorf("got  %s; %s after %s\nwant %s; %s within %s", got, timingsText(timings), time.Since(start), test.want, test.timings, renewEvery)
				}
			})
		})
	}
}
