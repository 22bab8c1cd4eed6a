package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

func newAbort(env *cli.Env) *cobra.Command {
	var flags actFlags
	end := ending{}
	cmd := actingVerb(env, "abort SERVICE [SERVICE...]", "End the release in progress; the side that serves is not touched",
		`End the release in progress. Traffic that was already moved goes back to the old side first, with the checks of
rollback; then the new side drains and is scaled to 0, or deleted. The side that serves is never touched. With no release
in progress it does nothing and succeeds.`,
		`  kubectl bluegreen abort hello
  kubectl bluegreen abort hello --delete --yes`,
		func(cmd *cobra.Command, args []string) error {
			a, err := newActor(cmd.Context(), env, flags, args)
			if err != nil {
				return err
			}
			return a.act(cmd.Context(), "abort", func(ctx context.Context) (*operation, error) { return a.planAbort(ctx, end) })
		})
	flags.add(cmd.Flags())
	end.add(cmd.Flags())
	return cmd
}

func (a *actor) planAbort(ctx context.Context, end ending) (*operation, error) {
	w, p, err := a.read(ctx)
	if err != nil {
		return nil, err
	}
	before, err := readHeld(p.Active.Deployment)
	if err != nil {
		return nil, err
	}
	r := p.Record
	if before == nil && !underway(r) && (r == nil || r.Phase != release.Failed && r.Operation != "abort") {
		return a.unchanged(p, "abort", fmt.Sprintf("service %s: no release is in progress; it is on %s=%s (deployment %s)", p.Primary.Name, p.Key, p.Active.Value, p.Active.name())), nil
	}
	op := &operation{result: result{Operation: "abort", Result: resultAborted, Namespace: a.client.Namespace, Services: p.serviceNames(), SlotKey: p.Key, Active: p.Active.Value}}
	if before != nil {
		op.plan.Steps = append(op.plan.Steps, a.unholdSteps(p)...)
	}
	staying := p.Active
	if r != nil {
		op.result.From, op.result.To, op.result.Release = r.From, r.To, r.ID
		if staying, err = a.abortSteps(ctx, w, p, end, op); err != nil {
			return nil, err
		}
	}
	op.result.Active = staying.Value
	op.result.text = fmt.Sprintf("service/%s aborted: it is on %s=%s (deployment %s)", p.Primary.Name, p.Key, staying.Value, staying.name())
	course := "stays on"
	if staying.Value != p.Active.Value {
		course = "goes back to"
	}
	op.plan.Title = fmt.Sprintf("abort the release of service %s in namespace %s; the traffic %s %s (deployment %s):", p.Primary.Name, a.client.Namespace,
		course, staying.Value, staying.name())
	op.plan.Steps = append(op.plan.Steps, a.closeStep(p, "abort", resultAborted))
	if len(op.plan.Warnings) == 0 { // else they are those of the way back, which tell it too
		op.plan.Warnings = w.unread()
	}
	return op, nil
}

// abortSteps adds the steps that end the release p.Record to op, and returns the slot that keeps the traffic.
func (a *actor) abortSteps(ctx context.Context, w *world, p *pair, end ending, op *operation) (*slot, error) {
	from, to := p.slot(p.Record.From), p.slot(p.Record.To)
	if p.Record.Operation == "abort" { // cut off after its traffic went back: the record is that of the way back
		from, to = to, from
	}
	if from != nil && p.Record.Phase != release.Failed && !p.Adopt && !p.settled(from.Value) {
		back, err := a.planMove(ctx, w, p, "abort", from, true)
		if err != nil {
			return nil, err
		}
		op.plan.Steps = append(op.plan.Steps, back.plan.Steps...)
		op.plan.Notes, op.plan.Warnings = back.plan.Notes, back.plan.Warnings
		end = a.afterMove(end, p)
	} else {
		from = p.Active
	}
	if to == nil || to.Value == from.Value {
		return from, nil
	}
	steps, objects, err := a.finishSteps(w, p, end, []*slot{to})
	if err != nil {
		return nil, err
	}
	op.objects = objects
	op.plan.Steps = append(op.plan.Steps, steps...)
	return from, nil
}

// unholdSteps end a held rolling update: undone while the Services do not depend on the label, otherwise completed.
func (a *actor) unholdSteps(p *pair) []release.Step {
	name := p.Active.name()
	undo := !p.anySelects(p.Active.Value)
	text := fmt.Sprintf("put the rollout settings of deployment %s back", name)
	if undo {
		text += ", and take the slot label from its pods again"
	}
	step := release.Step{
		ID: "restore", Text: text,
		Do: func(ctx context.Context) (string, error) { return "", a.restore(ctx, name) },
	}
	if undo {
		return []release.Step{step}
	}
	return []release.Step{a.heldUpStep(p), a.adoptServicesStep(p), a.drainOlderStep(p), step}
}
