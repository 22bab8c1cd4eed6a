package main

import (
	"context"
	"encoding/json"
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

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/exit"
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
	if !(o.CheckSuccess >= 0 && o.CheckSuccess <= 100) { // NaN is neither
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
	if w.uncopied(p, idle.name) != nil {
		switchSteps = append(switchSteps, r.unfloorStep(idle.name, idle.name)) // the HPA that is made in this run
	} else if left := w.autoscalerFor(r.client.Namespace, idle.name); left != nil && idle.slot.Deployment == nil {
		switchSteps = append(switchSteps, r.unfloorStep(left.Name, idle.name))
	}
	op.plan.Steps = append(op.plan.Steps, switchSteps...)
	rest, err := r.afterSwitch(w, p, m, p.Active)
	if err != nil {
		return nil, err
	}
	op.plan.Steps = append(op.plan.Steps, rest...)
	op.plan.Notes, op.plan.Warnings = r.remarks(w, p, nil)
	op.plan.Notes = append(idle.notes, op.plan.Notes...)
	op.plan.Warnings = append(idle.warnings, slices.DeleteFunc(op.plan.Warnings, func(text string) bool { return slices.Contains(idle.warnings, text) })...)
	op.failed = r.runFailed(p, m)
	return op, nil
}

// unprobed refuses, before anything is made, a version whose pods count as ready before they can answer.
func (r *runner) unprobed(p *pair, idle *idlePlan) []string {
	if r.AllowUnprobed || r.manifest != nil {
		return nil // a manifest is judged at the switch, on what the API server made of it
	}
	f := facts{Target: p.Active.Deployment, Key: p.Key, To: idle.slot.Value, MinReadySeconds: ownMinReady(p.Active.Deployment)}
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
		if live, known := have[container]; !known || live != image {
			return ""
		}
	}
	return fmt.Sprintf("service %s is on %s=%s (deployment %s), which runs %s already", p.Primary.Name, p.Key, p.Active.Value, p.Active.name(), imageText(have))
}

func (r *runner) moveFor(p *pair, idle *idlePlan, record release.Record) move {
	return move{
		services: p.serviceNames(), key: p.Key, from: p.Active.Value, to: idle.slot.Value, deployment: idle.name, peer: p.Active.name(),
		what: fmt.Sprintf("switch to %s=%s refused", p.Key, idle.slot.Value), record: record.In(release.Soaking, r.now()), soak: r.options.Soak.Duration,
	}
}

func (r *runner) operation(p *pair, m move) *operation {
	return &operation{patience: r.options.Soak.Duration + r.keep.For, result: result{Operation: "run", Result: resultDone, Namespace: r.client.Namespace, Services: m.services, SlotKey: m.key, From: m.from, To: m.to, Active: m.to,
		Release: m.record.ID, text: fmt.Sprintf("service/%s released: %s on %s=%s (deployment %s)%s", strings.Join(m.services, ", service/"), imageText(m.record.Images), m.key, m.to, m.deployment,
			r.keptText(p, m))}}
}

// matchStep brings the new side to the serving side's size once more: an HPA may have scaled that since.
func (r *runner) matchStep(w *world, p *pair, idle *idlePlan) release.Step {
	hpa := w.uncopied(p, idle.name)
	if hpa != nil { // its copy has the name of the new side
		hpa = hpa.DeepCopy()
		hpa.Name = idle.name
	} else {
		hpa = w.autoscalerFor(r.client.Namespace, idle.name)
	}
	return release.Step{
		ID: "match-size", Text: fmt.Sprintf("see that deployment %s has the size that deployment %s has by now", idle.name, p.Active.name()),
		Do: func(ctx context.Context) (string, error) {
			if r.dry() { // the new side was not really made
				return "", nil
			}
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
				return "", release.Sleep(ctx, record.SwitchedAt.Add(keep).Sub(r.client.Now()))
			},
		})
	}
	end := r.afterMove(ending{Delete: r.options.Delete, Preview: r.options.Preview, Held: true}, p)
	finish, _, err := r.finishSteps(w, p, end, leaving)
	if err != nil {
		return nil, err
	}
	steps = append(steps, finish...)
	closing := *p
	closing.Record = &m.record
	return append(steps, r.closeStep(&closing, "finish", resultDone)), nil
}
