package release

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/output"
)

// Step is one step of a release. Repeating a step that is done, or that was cut off in the middle, is safe: it reads
// the live state first and writes only what is missing.
type Step struct {
	// ID is the step's stable name, such as "create-idle".
	ID string
	// Text says in one line what the step does.
	Text string
	// Commands are the kubectl commands that come closest to it, for people who want to see or redo it by hand.
	Commands []string
	// Waits is set when the step writes nothing.
	Waits bool
	// Do carries the step out. The returned text says what was found or reached.
	Do func(ctx context.Context) (string, error)
}

// Plan is what an acting verb is about to do.
type Plan struct {
	// Title is the sentence above the plan.
	Title string
	Steps []Step
	// Notes are what the user should know before saying yes; Warnings are what might go wrong.
	Notes, Warnings []string
}

// Within tells whether whoever approved the one plan has approved this one too: it is the same, or some of its steps are
// not needed any more, since the cluster went on with what an earlier command began.
func (p Plan) Within(approved Plan) bool {
	if len(p.Steps) > 0 && p.Title != approved.Title {
		return false
	}
	rest := approved.Steps
	for _, step := range p.Steps {
		at := slices.IndexFunc(rest, step.looksLike)
		if at < 0 {
			return false
		}
		rest = rest[at+1:]
	}
	return true
}

// looksLike tells whether two steps are the same to a person.
func (s Step) looksLike(other Step) bool {
	return s.ID == other.ID && s.Text == other.Text && slices.Equal(s.Commands, other.Commands)
}

// Text returns the plan for a person: the title, numbered steps each with its commands, notes and warnings.
func (p Plan) Text() string {
	var b strings.Builder
	fmt.Fprintln(&b, output.Escape(p.Title))
	for i, step := range p.Steps {
		fmt.Fprintf(&b, "  %d. %s\n", i+1, output.Escape(step.Text))
		for _, command := range step.Commands {
			fmt.Fprintf(&b, "       %s\n", output.Escape(command))
		}
	}
	for _, note := range p.Notes {
		fmt.Fprintf(&b, "  note: %s\n", output.Escape(note))
	}
	for _, warning := range p.Warnings {
		fmt.Fprintf(&b, "  warning: %s\n", output.Escape(warning))
	}
	return b.String()
}

// Timing is how long a step took.
type Timing struct {
	Step    string  `json:"step"`
	Seconds float64 `json:"seconds"`
	Detail  string  `json:"detail,omitempty"`
}

// Engine carries plans out.
type Engine struct {
	Messages *output.Messages
	// Lock is checked before every step that may write, and its loss ends the step under way; nil on a dry run.
	Lock *Lock
	// SkipWaits leaves out steps that only wait: a server dry run changes nothing that could be waited for.
	SkipWaits bool
	// Suffix marks the lines of a dry run, such as " (server dry run)".
	Suffix string
}

// Run carries out the steps in order and stops at the first error. An error that may pass, such as an API server that
// restarts, repeats the step until ctx ends. The timings of the finished steps are returned in any case.
func (e *Engine) Run(ctx context.Context, steps []Step) ([]Timing, error) {
	if e.Lock != nil {
		guarded, done := e.Lock.Guard(ctx)
		defer done()
		ctx = guarded
	}
	var timings []Timing
	for i, step := range steps {
		place := fmt.Sprintf("[%d/%d]", i+1, len(steps))
		if step.Waits && e.SkipWaits {
			e.Messages.Infof("%s skipped: %s%s", place, step.Text, e.Suffix)
			continue
		}
		e.Messages.Infof("%s %s%s", place, step.Text, e.Suffix)
		start := time.Now()
		detail, err := e.persist(ctx, step)
		if err != nil {
			return timings, err
		}
		timing := Timing{Step: step.ID, Seconds: time.Since(start).Seconds(), Detail: detail}
		timings = append(timings, timing)
		if detail != "" {
			e.Messages.Infof("%s done in %s: %s", strings.Repeat(" ", len(place)), output.Duration(time.Since(start)), detail)
		}
	}
	return timings, nil
}

// persist repeats a step while its error is one that may pass.
func (e *Engine) persist(ctx context.Context, step Step) (string, error) {
	var detail string
	err := kube.Persist(ctx, step.Text, func() (err error) {
		detail, err = e.once(ctx, step)
		return err
	}, func(err error) { e.Messages.Warnf("%s: %v; trying again", step.Text, err) })
	if err != nil && e.Lock != nil && e.Lock.Lost() != nil {
		return "", e.Lock.Lost() // and not that the step was cut off, which is only what came of it
	}
	return detail, err
}

func (e *Engine) once(ctx context.Context, step Step) (string, error) {
	if e.Lock != nil && !step.Waits { // a wait writes nothing, and Guard ends it when the lock is lost
		if err := e.Lock.Check(ctx); err != nil {
			return "", err
		}
	}
	return step.Do(ctx)
}
