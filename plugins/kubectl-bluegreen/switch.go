package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

func newSwitch(env *cli.Env) *cobra.Command {
	var flags actFlags
	var to string
	cmd := actingVerb(env, "switch SERVICE [SERVICE...]", "Move all traffic to the idle slot at once",
		`Move all traffic of a Service, and of the Services beside it, to the idle slot in one conditional write each.

Before the write the pods that the new selector would match are looked up live: they must belong to the slot's
Deployment, be available, as many as the serving side has, and declare every port of the Services. Afterwards it waits
until the endpoints have followed. The old side is left at full size: take it back with rollback, or end it with finish.`,
		`  kubectl bluegreen switch hello
  kubectl bluegreen switch hello --to green --yes
  kubectl bluegreen switch hello --dry-run=client -o yaml   # the change for Git`,
		func(cmd *cobra.Command, args []string) error {
			a, err := newActor(cmd.Context(), env, flags, args)
			if err != nil {
				return err
			}
			return a.act(cmd.Context(), "switch", func(ctx context.Context) (*operation, error) { return a.planSwitch(ctx, to) })
		})
	flags.add(cmd.Flags())
	cmd.Flags().StringVar(&to, "to", "", "the `SLOT` to switch to; by default the idle one")
	return cmd
}

func (a *actor) planSwitch(ctx context.Context, to string) (*operation, error) {
	w, p, err := a.read(ctx)
	if err != nil {
		return nil, err
	}
	if done := alreadySwitched(p, to); done != "" {
		return a.moved(w, p, "switch", done), nil
	}
	if p.Adopt || len(p.Slots) < 2 {
		return nil, exit.Errorf(exit.Refused, "service %q has only one slot, deployment %s; bring the new version up first with kubectl bluegreen prepare %s --image ...",
			p.Primary.Name, p.Active.name(), p.Primary.Name)
	}
	if underway(p.Record) && p.Record.Operation == "run" {
		return nil, exit.Errorf(exit.Refused, "release %s of %s is %s; go on with kubectl bluegreen run %s --approve, or end it with abort",
			p.Record.ID, p.Record.By, p.Record.Phase, p.Primary.Name)
	}
	if r := p.Record; to == "" && r != nil && r.Phase == release.Switched && r.To == p.Active.Value && !p.settled(r.To) {
		to = r.To // a switch that was cut off between two Services
	}
	if to == "" && underway(p.Record) {
		to = p.Record.To // the slot that was prepared
	}
	target, err := p.target(to)
	if err != nil {
		return nil, err
	}
	if target.Deployment == nil {
		return nil, exit.Errorf(exit.Usage, "service %q has no slot %s=%s%s", p.Primary.Name, p.Key, to, p.slotList())
	}
	return a.planMove(ctx, w, p, "switch", target, false)
}

// alreadySwitched says that the traffic is where the command would move it: a command that is repeated after its job
// was done must not move it back.
func alreadySwitched(p *pair, to string) string {
	if to != "" && to == p.Active.Value && p.settled(to) {
		return fmt.Sprintf("service %s selects %s=%s already", p.Primary.Name, p.Key, to)
	}
	r := p.Record
	if to != "" || r == nil || r.Phase != release.Switched || r.To != p.Active.Value || !p.settled(r.To) {
		return ""
	}
	if old := p.slot(r.From); old == nil || revisionOf(old) != r.FromRevision {
		return ""
	}
	return fmt.Sprintf("service %s was switched from %s to %s by %s %s, and nothing new is in %s since; to move back use rollback, or --to %s",
		p.Primary.Name, r.From, r.To, r.By, sinceSwitch(r), r.From, r.From)
}

// sinceSwitch says how long ago the traffic moved.
func sinceSwitch(r *release.Record) string {
	if r.SwitchedAt == nil {
		return "some time ago"
	}
	return time.Since(r.SwitchedAt.Time).Round(time.Second).String() + " ago"
}

// moved is the operation of a switch or rollback whose traffic has moved already: nothing is left to do, unless it was cut
// off before the HPA of the serving side had its own minimum back.
func (a *actor) moved(w *world, p *pair, verb, why string) *operation {
	op := a.unchanged(p, verb, why)
	if op.plan.Steps = a.unheldSteps(w, p.Active, false); len(op.plan.Steps) > 0 {
		op.plan.Title = fmt.Sprintf("finish the %s of service %s in namespace %s:", verb, p.Primary.Name, a.client.Namespace)
		op.result.Result, op.result.Reason = resultDone, ""
	}
	return op
}

// revisionOf is the Deployment's revision, which changes with its template only (deployment.kubernetes.io/revision, set
// by pkg/controller/deployment/sync.go).
func revisionOf(s *slot) string {
	if s == nil || s.Deployment == nil {
		return ""
	}
	return s.Deployment.Annotations["deployment.kubernetes.io/revision"]
}

// planMove plans a switch or a rollback to a slot that exists. grow lets it bring the slot to full size first.
func (a *actor) planMove(ctx context.Context, w *world, p *pair, verb string, target *slot, grow bool) (*operation, error) {
	m := a.moveTo(p, verb, target)
	f, err := a.readFacts(ctx, m.services, m.key, m.to, m.deployment, p.Active.name())
	if err != nil {
		return nil, err
	}
	why := f.refusals()
	var steps []release.Step
	if grow && len(why) > 0 && len(f.unsettled())+len(f.tooSmall()) > 0 {
		steps = append(steps,
			a.growStep(target.name(), p.Active.name(), p.Active.size(), w.autoscalerOf(target.Deployment)),
			a.waitFullStep("await-full", target.name(), p.Active.size(), func(ctx context.Context) []time.Duration { return a.peers(ctx, p.Active.name()) }))
		why = nil
	}
	why = append(why, a.gitOpsRefusal(p, m)...)
	if err := refuse(m.what, why); err != nil {
		return nil, err
	}
	if len(steps) == 0 {
		a.allowed = f
	}
	op := &operation{objects: a.servicesForGit(p, m), result: a.resultOf(p, verb, m)}
	op.plan.Title = fmt.Sprintf("%s service %s in namespace %s from %s (deployment %s) to %s (deployment %s):", verb, p.Primary.Name,
		a.client.Namespace, p.Active.Value, p.Active.name(), target.Value, target.name())
	op.plan.Steps = append(steps, a.moveSteps(w, p, m, target)...)
	op.plan.Notes, op.plan.Warnings = a.remarks(w, p, target)
	op.failed = a.moveFailed(m)
	return op, nil
}

// moveFailed adds to an error on which side the traffic is now.
func (a *actor) moveFailed(m move) func(context.Context, error) error {
	return func(ctx context.Context, err error) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookBack)
		defer cancel()
		live, readErr := a.client.Typed.CoreV1().Services(a.client.Namespace).Get(ctx, m.services[0], metav1.GetOptions{})
		if readErr != nil {
			return exit.Errorf(exit.CodeOf(err), "%w\non which side the traffic of service %s is could not be read: %w", err, m.services[0], readErr)
		}
		return exit.Errorf(exit.CodeOf(err), "%w\nthe traffic of service %s is on %s=%s", err, m.services[0], m.key, live.Spec.Selector[m.key])
	}
}

// lookBack bounds the look at the Service after a failure.
const lookBack = 5 * time.Second

// moveTo is the move of all the pair's Services to the slot.
func (a *actor) moveTo(p *pair, verb string, target *slot) move {
	now := a.now()
	record := release.Record{
		ID: release.NewID(), Operation: verb, By: a.by, StartedAt: metav1.NewTime(now), SlotKey: p.Key, From: p.Active.Value, To: target.Value,
		Services: p.serviceNames(), FromRevision: revisionOf(p.Active),
	}
	if target.Deployment != nil {
		record.Images = imagesOf(target.Deployment)
	}
	if resumed := p.Record; resumed != nil && resumed.Operation == verb && resumed.To == target.Value {
		record.ID, record.By, record.StartedAt = resumed.ID, resumed.By, resumed.StartedAt
		record.From, record.FromRevision = resumed.From, resumed.FromRevision
	}
	record = record.In(release.Switched, now)
	m := move{
		services: p.serviceNames(), key: p.Key, from: record.From, to: target.Value, deployment: target.name(), peer: p.slot(record.From).name(),
		what: fmt.Sprintf("%s to %s=%s refused", verb, p.Key, target.Value), record: record,
	}
	if verb != "abort" { // an abort has its entry when it is complete
		m.entry = a.entryOf(record, verb, resultDone, "")
	}
	return m
}

// moveSteps are the steps from the judgement on: hold the old side's size, switch, follow the endpoints, and let the new
// side's HPA work again.
func (a *actor) moveSteps(w *world, p *pair, m move, target *slot) []release.Step {
	var steps []release.Step
	if old := p.slot(m.from); old != nil && old.Deployment != nil {
		if hpa := w.holdable(old.Deployment); hpa != nil && old.size() > 0 {
			steps = append(steps, a.floorStep(hpa, old.name(), old.name(), old.size()))
		}
	}
	steps = append(steps, a.switchStep(m), a.endpointsStep(m))
	if target.Deployment != nil {
		if hpa := w.holdable(target.Deployment); hpa != nil {
			steps = append(steps, a.unfloorStep(hpa.Name, target.name()))
		}
	}
	return steps
}
