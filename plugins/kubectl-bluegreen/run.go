package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

// The values of --gate and --on-failure, and of --check.
const (
	gateAuto, gateManual = "auto", "manual"
	failBack, failHold   = "rollback", "hold"
	checkPods, checkNone = "pods", "none"
)

// runOptions are the options of run. They are kept in the journal, so that a resume needs no flags.
type runOptions struct {
	Gate      string          `json:"gate"`
	OnFailure string          `json:"onFailure"`
	Soak      metav1.Duration `json:"soak"`
	Check     string          `json:"check"`
	// CheckSuccess is the smallest share of good answers, in percent; CheckLatency the largest 90th percentile, 0 for any.
	CheckURL     string          `json:"checkURL,omitempty"`
	CheckSuccess float64         `json:"checkSuccess,omitempty"`
	CheckLatency metav1.Duration `json:"checkLatency"`
	KeepOld      string          `json:"keepOld"`
	Preview      bool            `json:"preview,omitempty"`
	Images       []string        `json:"images,omitempty"`
	Delete       bool            `json:"delete,omitempty"`
}

func (o *runOptions) add(fs *pflag.FlagSet) {
	fs.StringVar(&o.Gate, "gate", gateAuto, "before the switch, `auto|manual`: auto goes on, manual stops with exit code 3 until run --approve")
	fs.StringVar(&o.OnFailure, "on-failure", failBack, "when the soak fails, `rollback|hold`: rollback moves the traffic back at once, hold leaves it")
	fs.DurationVar(&o.Soak.Duration, "soak", 30*time.Second, "watch the new side this long after the switch")
	fs.StringVar(&o.Check, "check", checkPods, "what decides in the soak, `pods|none`: pods are their restarts and readiness")
	fs.StringVar(&o.CheckURL, "check-url", "", "in the soak, ask this `URL` five times a second from here as well")
	fs.Float64Var(&o.CheckSuccess, "check-success", 99, "smallest share of good answers from --check-url, in `PERCENT`")
	fs.DurationVar(&o.CheckLatency.Duration, "check-latency", 0, "largest 90th percentile of the latency of --check-url; 0s for any")
}

func (o *runOptions) check() error {
	for _, one := range []struct {
		flag, value string
		valid       []string
	}{{"gate", o.Gate, []string{gateAuto, gateManual}}, {"on-failure", o.OnFailure, []string{failBack, failHold}}, {"check", o.Check, []string{checkPods, checkNone}}} {
		if !slices.Contains(one.valid, one.value) {
			return exit.Errorf(exit.Usage, "--%s %q: must be one of %s", one.flag, one.value, strings.Join(one.valid, ", "))
		}
	}
	if o.Soak.Duration < 0 || o.CheckLatency.Duration < 0 {
		return exit.Errorf(exit.Usage, "--soak and --check-latency must not be negative")
	}
	if o.CheckSuccess < 0 || o.CheckSuccess > 100 {
		return exit.Errorf(exit.Usage, "--check-success %g: must be a percentage from 0 to 100", o.CheckSuccess)
	}
	if target, err := url.Parse(o.CheckURL); o.CheckURL != "" && (err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https") {
		return exit.Errorf(exit.Usage, "--check-url %q: must be an absolute http or https URL", o.CheckURL)
	}
	return nil
}

// runner is the verb run.
type runner struct {
	*actor
	options  runOptions
	source   source
	manifest *unstructured.Unstructured
	approve  bool
	keep     cli.KeepFor
}

func newRun(env *cli.Env) *cobra.Command {
	var flags actFlags
	r := &runner{keep: cli.KeepFor{Forever: true}}
	cmd := actingVerb(env, "run SERVICE [SERVICE...]", "Do a whole release: prepare, switch, watch, and roll back on failure",
		`Do a whole release: bring the new version up beside the running one, switch all traffic to it, watch it for the soak
time, and keep or end the old side. A new side that does not come up never gets traffic; one that fails in the soak loses
it again at once, and the command exits 1 with the reason.

The release is kept on the Service. Whatever interrupts this command, the same command resumes it, from any machine; the
options are remembered, so "run SERVICE" alone does too.`,
		`  kubectl bluegreen run hello --image app=shop/hello:2.0
  kubectl bluegreen run hello --image shop/hello:2.0 --soak 5m --check-url http://hello.shop/healthz
  kubectl bluegreen run hello --image shop/hello:2.0 --gate=manual --preview
  kubectl bluegreen run hello --approve                       # go through the gate
  kubectl bluegreen run hello --image shop/hello:2.0 --keep-old=10m --yes`,
		func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), env, flags, args) })
	flags.add(cmd.Flags())
	r.options.add(cmd.Flags())
	r.source.add(cmd.Flags())
	cmd.Flags().Var(&r.keep, "keep-old", "keep the old side this long after the switch: forever, 0s, or a duration such as 10m")
	cmd.Flags().BoolVar(&r.options.Delete, "delete", false, "delete the old Deployment when its time has come, instead of scaling it to 0")
	cmd.Flags().BoolVar(&r.approve, "approve", false, "go through the gate that the release waits at")
	return cmd
}

func (r *runner) run(ctx context.Context, env *cli.Env, flags actFlags, args []string) (err error) {
	if err := r.options.check(); err != nil {
		return err
	}
	if r.source.given() {
		if err := r.source.check(); err != nil {
			return err
		}
	}
	if r.actor, err = newActor(ctx, env, flags, args); err != nil {
		return err
	}
	if r.manifest, err = r.readManifest(r.source); err != nil {
		return err
	}
	r.options.KeepOld, r.options.Preview, r.options.Images = r.keep.String(), r.source.Preview, r.source.Images
	return r.act(ctx, "run", r.plan)
}

// plan works out what is left to do: of the release in progress, or of a new one.
func (r *runner) plan(ctx context.Context) (*operation, error) {
	w, p, err := r.read(ctx)
	if err != nil {
		return nil, err
	}
	record := p.Record
	if record != nil && record.Operation == "run" && (underway(record) || record.Phase == release.Switched) {
		if op, err := r.planResume(ctx, w, p); op != nil || err != nil {
			return op, err
		}
	}
	if !r.source.given() {
		return nil, exit.Errorf(exit.Usage, "no release of service %q is in progress; say what is new: --image CONTAINER=IMAGE, or the new Deployment with -f or -k", p.Primary.Name)
	}
	return r.planFresh(ctx, w, p)
}

// planResume goes on with the run in the journal. It returns nothing when that run is over and another one is wanted.
func (r *runner) planResume(ctx context.Context, w *world, p *pair) (*operation, error) {
	record := p.Record
	options := runOptions{}
	if err := json.Unmarshal(record.Options, &options); err != nil {
		return nil, exit.Errorf(exit.Refused, "release %s: its options in the journal are unreadable: %w; end it with abort", record.ID, err)
	}
	same := !r.source.given() || slices.Equal(options.Images, r.source.Images) && (len(r.source.Images) > 0 || r.manifest != nil)
	switch {
	case same:
	case record.Phase == release.Switched:
		return nil, nil
	default:
		return nil, exit.Errorf(exit.Refused, "release %s of %s is in progress with other images (%s), it is %s; end it with abort first; nothing was changed",
			record.ID, record.By, imageText(record.Images), record.Phase)
	}
	resumed := *r
	resumed.options = options
	resumed.source.Images, resumed.source.Preview = options.Images, options.Preview
	if err := resumed.keep.Set(options.KeepOld); err != nil {
		return nil, exit.Errorf(exit.Refused, "release %s: keepOld in the journal: %w; end it with abort", record.ID, err)
	}
	switch record.Phase {
	case release.Soaking, release.Switched:
		return resumed.planAfterSwitch(w, p)
	case release.AtGate:
		if options.Gate == gateManual && !r.approve {
			return nil, gateError(p)
		}
	}
	if r.manifest == nil && len(options.Images) == 0 {
		return nil, exit.Errorf(exit.Usage, "release %s was begun with -f or -k; give the same again to resume it", record.ID)
	}
	return resumed.planFresh(ctx, w, p)
}

// atGateError says that the release waits for a person.
type atGateError struct{ text string }

func (e *atGateError) Error() string { return e.text }

func gateError(p *pair) error {
	gate := &atGateError{fmt.Sprintf("release %s waits at its gate: the new side is up, the traffic is on %s=%s; go on with kubectl bluegreen run %s --approve, or end it with abort",
		p.Record.ID, p.Key, p.Active.Value, p.Primary.Name)}
	return exit.Errorf(exit.Waiting, "%w", gate)
}

// planFresh plans everything from the beginning; what is done already is found so by its step.
func (r *runner) planFresh(ctx context.Context, w *world, p *pair) (*operation, error) {
	if p.Record != nil && underway(p.Record) && p.Record.Operation == "rollback" {
		return nil, exit.Errorf(exit.Refused, "release %s is rolling back; let that end first", p.Record.ID)
	}
	if done := r.liveAlready(p); done != "" {
		return r.unchanged(p, "run", done), nil
	}
	idle, err := r.planIdle(ctx, w, p, r.source, r.manifest)
	if err != nil {
		return nil, err
	}
	if err := refuse("run refused", append(r.gitOpsRefusal(p, move{key: p.Key, to: idle.slot.Value}), r.unprobed(p, idle)...)); err != nil {
		return nil, err
	}
	options, err := json.Marshal(r.options)
	if err != nil {
		return nil, err
	}
	record := r.newRecord(p, "run", idle)
	record.Options = options
	m := r.moveFor(p, idle, record)
	op := r.operation(p, m)
	op.objects = append(idle.objects, r.servicesForGit(p, m)...)
	op.plan.Title = fmt.Sprintf("release %s to service %s in namespace %s, in slot %s beside %s (deployment %s):", imageText(idle.images), p.Primary.Name, r.client.Namespace,
		idle.slot.Value, p.Active.Value, p.Active.name())
	op.plan.Steps = r.bringUp(p, idle, record)
	if r.options.Gate == gateManual && !r.approve {
		op.plan.Steps = append(op.plan.Steps, r.gateStep(p, record))
	} else {
		op.plan.Steps = append(op.plan.Steps, r.matchStep(w, p, idle))
	}
	switchSteps := r.moveSteps(w, p, m, idle.slot)
	if w.uncopied(p, idle.slot) != nil {
		switchSteps = append(switchSteps, r.unfloorStep(idle.name, idle.name)) // the HPA that is made in this run
	}
	op.plan.Steps = append(op.plan.Steps, switchSteps...)
	rest, err := r.afterSwitch(w, p, m, p.Active)
	if err != nil {
		return nil, err
	}
	op.plan.Steps = append(op.plan.Steps, rest...)
	op.plan.Notes, op.plan.Warnings = r.remarks(w, p, nil)
	op.plan.Notes = append(idle.notes, op.plan.Notes...)
	op.plan.Warnings = append(idle.warnings, op.plan.Warnings...)
	op.failed = r.runFailed(p, m)
	return op, nil
}

// unprobed refuses, before anything is made, a version whose pods count as ready before they can answer.
func (r *runner) unprobed(p *pair, idle *idlePlan) []string {
	if r.AllowUnprobed || r.manifest != nil {
		return nil // a manifest is judged at the switch, on what the API server made of it
	}
	f := facts{Target: p.Active.Deployment, Key: p.Key, To: idle.slot.Value, MinReadySeconds: p.Active.Deployment.Spec.MinReadySeconds}
	return f.unprobedText(idle.name)
}

// liveAlready says that the version wanted has the traffic.
func (r *runner) liveAlready(p *pair) string {
	if r.manifest != nil || underway(p.Record) || p.Adopt || !p.settled(p.Active.Value) {
		return ""
	}
	have := imagesOf(p.Active.Deployment)
	for _, given := range r.source.Images {
		container, image, named := strings.Cut(given, "=")
		if !named && len(have) == 1 {
			container, image = slices.Collect(maps.Keys(have))[0], given
		}
		if have[container] != image {
			return ""
		}
	}
	return fmt.Sprintf("service %s is on %s=%s (deployment %s), which runs %s already", p.Primary.Name, p.Key, p.Active.Value, p.Active.name(), imageText(have))
}

func (r *runner) moveFor(p *pair, idle *idlePlan, record release.Record) move {
	return move{
		services: p.serviceNames(), key: p.Key, from: p.Active.Value, to: idle.slot.Value, deployment: idle.name, peer: p.Active.name(),
		what: fmt.Sprintf("switch to %s=%s refused", p.Key, idle.slot.Value), record: record.In(release.Soaking, kube.Now()), soak: r.options.Soak.Duration,
	}
}

func (r *runner) operation(p *pair, m move) *operation {
	return &operation{patience: r.options.Soak.Duration + r.keep.For, result: result{Operation: "run", Result: resultDone, Namespace: r.client.Namespace, Services: m.services, SlotKey: m.key, From: m.from, To: m.to, Active: m.to,
		Release: m.record.ID, text: fmt.Sprintf("service/%s released: %s on %s=%s (deployment %s)%s", strings.Join(m.services, ", service/"), imageText(m.record.Images), m.key, m.to, m.deployment,
			r.keptText(p, m))}}
}

func (r *runner) keptText(p *pair, m move) string {
	if !r.keep.Forever {
		return ""
	}
	return fmt.Sprintf("; deployment %s is kept at full size for the way back, until kubectl bluegreen finish %s", m.peer, p.Primary.Name)
}

func (r *runner) gateStep(p *pair, record release.Record) release.Step {
	return release.Step{
		ID: "gate", Text: "stop at the gate until somebody approves (exit code 3)",
		Do: func(ctx context.Context) (string, error) {
			if r.dry() {
				return "", nil
			}
			at := record.In(release.AtGate, kube.Now())
			if err := r.journal(ctx, at); err != nil {
				return "", err
			}
			r.events.Normal(ctx, "WaitingAtGate", "release %s of %s waits for approval before the switch to %s=%s", at.ID, at.By, at.SlotKey, at.To)
			waiting := *p
			waiting.Record = &at
			return "", gateError(&waiting)
		},
	}
}

// matchStep brings the new side to the serving side's size once more: an HPA may have scaled that since.
func (r *runner) matchStep(w *world, p *pair, idle *idlePlan) release.Step {
	hpa := w.uncopied(p, idle.slot)
	if hpa != nil { // its copy has the name of the new side
		hpa = hpa.DeepCopy()
		hpa.Name = idle.name
	} else if idle.slot.Deployment != nil {
		hpa = w.autoscalerOf(idle.slot.Deployment)
	}
	return release.Step{
		ID: "match-size", Text: fmt.Sprintf("see that deployment %s has the size that deployment %s has by now", idle.name, p.Active.name()),
		Do: func(ctx context.Context) (string, error) {
			for {
				need, err := r.replicasOf(ctx, p.Active.name())
				if err != nil {
					return "", err
				}
				have, err := r.replicasOf(ctx, idle.name)
				if err != nil || have >= need {
					return fmt.Sprintf("%d replicas", have), err
				}
				grow := r.growStep(idle.name, p.Active.name(), need, hpa)
				if _, err := grow.Do(ctx); err != nil {
					return "", err
				}
				if _, err := r.waitFullStep("", idle.name, need, func(ctx context.Context) []time.Duration { return r.peers(ctx, p.Active.name()) }).Do(ctx); err != nil {
					return "", err
				}
			}
		},
	}
}

// planAfterSwitch resumes a run whose traffic has moved, at least for the primary Service.
func (r *runner) planAfterSwitch(w *world, p *pair) (*operation, error) {
	record := *p.Record
	if p.Active.Value != record.To {
		if record.Phase == release.Switched { // rolled back by hand since: that run is over
			return nil, nil
		}
		return nil, exit.Errorf(exit.Conflict, "release %s: service %s was moved to %s=%s by somebody else during its soak; end the release with abort; nothing was changed",
			record.ID, p.Primary.Name, p.Key, p.Active.Value)
	}
	old := p.slot(record.From)
	m := move{services: p.serviceNames(), key: p.Key, from: record.From, to: record.To, deployment: p.Active.name(), peer: old.name(),
		what: fmt.Sprintf("switch to %s=%s refused", p.Key, record.To), record: record, soak: r.options.Soak.Duration}
	op := r.operation(p, m)
	op.plan.Title = fmt.Sprintf("resume release %s of %s to service %s, which is %s:", record.ID, record.By, p.Primary.Name, record.Phase)
	if !p.settled(record.To) {
		op.plan.Steps = append(op.plan.Steps, r.switchStep(m))
	}
	if record.Phase == release.Soaking {
		op.plan.Steps = append(op.plan.Steps, r.endpointsStep(m))
		if hpa := w.autoscalerOf(p.Active.Deployment); hpa != nil {
			op.plan.Steps = append(op.plan.Steps, r.unfloorStep(hpa.Name, p.Active.name()))
		}
	}
	rest, err := r.afterSwitch(w, p, m, old)
	if err != nil {
		return nil, err
	}
	if record.Phase == release.Switched {
		if record.Reason != "" {
			return nil, exit.Errorf(exit.No, "release %s failed its soak and is held on %s=%s: %s; go back with kubectl bluegreen rollback %s, or begin another release",
				record.ID, p.Key, record.To, record.Reason, p.Primary.Name)
		}
		if r.keep.Forever {
			return r.unchanged(p, "run", fmt.Sprintf("release %s is done: service %s is on %s=%s (deployment %s)", record.ID, p.Primary.Name, p.Key, record.To, p.Active.name())), nil
		}
		rest = slices.DeleteFunc(rest, func(step release.Step) bool { return step.ID == "soak" || step.ID == "journal-switched" })
	}
	op.plan.Steps = append(op.plan.Steps, rest...)
	op.failed = r.runFailed(p, m)
	return op, nil
}

// afterSwitch returns the steps from the soak on.
func (r *runner) afterSwitch(w *world, p *pair, m move, old *slot) ([]release.Step, error) {
	var steps []release.Step
	if r.options.Check != checkNone || r.options.CheckURL != "" {
		steps = append(steps, r.soakStep(m, r.options))
	}
	steps = append(steps, release.Step{
		ID: "journal-switched", Text: "note in the journal that the new side has stood the test",
		Do: func(ctx context.Context) (string, error) { return "", r.settle(ctx, m) },
	})
	if r.keep.Forever {
		return steps, nil
	}
	var leaving []*slot
	if old != nil { // else it was deleted before the journal was closed
		leaving = append(leaving, old)
	}
	keep := r.keep.For
	if keep > 0 && old != nil {
		steps = append(steps, release.Step{
			ID: "keep-old", Text: fmt.Sprintf("keep deployment %s for %s after the switch", old.name(), keep), Waits: true,
			Do: func(ctx context.Context) (string, error) {
				record, err := r.liveRecord(ctx)
				if err != nil || record == nil || record.SwitchedAt == nil {
					return "", err
				}
				return "", release.Sleep(ctx, time.Until(record.SwitchedAt.Add(keep)))
			},
		})
	}
	finish, _, err := r.finishSteps(w, p, ending{Delete: r.options.Delete, Preview: r.options.Preview, Held: true}, leaving)
	if err != nil {
		return nil, err
	}
	steps = append(steps, finish...)
	closing := *p
	closing.Record = &m.record
	return append(steps, r.closeStep(&closing, "finish", resultDone)), nil
}

// settle ends the soak in the journal: the release is done, the old side is kept for the way back.
func (r *runner) settle(ctx context.Context, m move) error {
	live, err := r.liveRecord(ctx)
	if err != nil {
		return err
	}
	record := m.record
	if live != nil && live.ID == record.ID {
		record = *live
	}
	kept := record.In(release.Switched, kube.Now())
	if !r.keep.Forever && kept.SwitchedAt != nil {
		kept.Until = ptr.To(metav1.NewTime(kept.SwitchedAt.Add(r.keep.For)))
	}
	r.events.Normal(ctx, "Released", "release %s of %s is done: %s=%s has the traffic", record.ID, record.By, m.key, m.to)
	return r.conclude(ctx, entryOf(record, "run", resultDone, ""), &kept)
}

// runFailed decides what a failed step means: before the switch the traffic never moved; after it a failed soak moves it
// back. Everything else can be resumed.
func (r *runner) runFailed(p *pair, m move) func(context.Context, error) error {
	return func(ctx context.Context, err error) error {
		var soak *soakError
		live, readErr := r.liveRecordPatiently(ctx)
		switch {
		case readErr != nil:
			return err
		case errors.As(err, &soak):
			return r.soakFailed(ctx, p, m, soak)
		case live != nil && live.ID == m.record.ID && live.Phase == release.Soaking && exit.CodeOf(err) == exit.No:
			return r.soakFailed(ctx, p, m, &soakError{err.Error()})
		case live != nil && live.ID == m.record.ID && (live.Phase == release.Soaking || live.Phase == release.Switched):
			return exit.Errorf(exit.CodeOf(err), "%w\nthe traffic of service %s is on %s=%s (deployment %s); resume with kubectl bluegreen run %s, or go back with rollback",
				err, p.Primary.Name, m.key, m.to, m.deployment, p.Primary.Name)
		}
		return r.prepareFailed(p, m.record)(ctx, err)
	}
}

// lastWords is how long the end of a failed run may take when its own deadline has passed.
const lastWords = time.Minute

func (r *runner) liveRecordPatiently(ctx context.Context) (*release.Record, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookBack)
	defer cancel()
	return r.liveRecord(ctx)
}

// soakFailed moves the traffic back, or holds.
func (r *runner) soakFailed(ctx context.Context, p *pair, m move, failure *soakError) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(r.Timeout, lastWords))
	defer cancel()
	r.messages.Warnf("release %s failed: %s", m.record.ID, firstLine(failure))
	r.events.Warning(ctx, "SoakFailed", "release %s: %s", m.record.ID, firstLine(failure))
	if r.options.OnFailure == failHold {
		return r.hold(ctx, m, failure)
	}
	reason := firstLine(failure)
	back := m
	back.from, back.to, back.deployment, back.peer = m.to, m.from, m.peer, m.deployment
	back.what = fmt.Sprintf("roll back to %s=%s refused", m.key, m.from)
	back.soak = 0
	back.record.Operation, back.record.From, back.record.To, back.record.Reason = "rollback", m.to, m.from, reason
	back.record = back.record.In(release.Switched, kube.Now())
	back.entry = entryOf(m.record, "run", resultRolledBack, reason)
	if _, err := r.engine.Run(ctx, []release.Step{r.switchStep(back), r.endpointsStep(back)}); err != nil {
		return exit.Errorf(exit.No, "release %s failed: %w\nand the way back is closed: %w\nthe traffic of service %s stays on %s=%s (deployment %s)", m.record.ID, failure, err,
			p.Primary.Name, m.key, m.to, m.deployment)
	}
	return exit.Errorf(exit.No, "release %s failed: %w\nall traffic of service %s is back on %s=%s (deployment %s); deployment %s is left for a look, end it with kubectl bluegreen finish %s",
		m.record.ID, failure, p.Primary.Name, m.key, m.from, m.peer, m.deployment, p.Primary.Name)
}

// hold leaves the traffic where it is and says so.
func (r *runner) hold(ctx context.Context, m move, failure *soakError) error {
	live, err := r.liveRecord(ctx)
	if err != nil || live == nil {
		live = &m.record
	}
	held := live.In(release.Switched, kube.Now())
	held.Reason = firstLine(failure)
	if err := r.conclude(ctx, entryOf(m.record, "run", resultFailed, held.Reason), &held); err != nil {
		r.messages.Warnf("the journal was not written: %v", err)
	}
	return exit.Errorf(exit.No, "release %s failed: %w\nthe traffic of service %s is held on %s=%s (deployment %s), as --on-failure=hold asks; go back with kubectl bluegreen rollback %s",
		m.record.ID, failure, r.primary, m.key, m.to, m.deployment, r.primary)
}
