package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

func newRollback(env *cli.Env) *cobra.Command {
	var flags actFlags
	var to string
	cmd := actingVerb(env, "rollback SERVICE [SERVICE...]", "Move all traffic back to the other slot",
		`Move all traffic back to the slot that had it before. It needs no memory of what was done: without a journal the
other slot is taken. While the old side is at full size this is one write; when it was scaled down it is brought back to
full size first. A rollback that was done is not undone by running it again: use switch --to for that.`,
		`  kubectl bluegreen rollback hello --yes`,
		func(cmd *cobra.Command, args []string) error {
			a, err := newActor(cmd.Context(), env, flags, args)
			if err != nil {
				return err
			}
			return a.act(cmd.Context(), "rollback", func(ctx context.Context) (*operation, error) { return a.planRollback(ctx, to) })
		})
	flags.add(cmd.Flags())
	cmd.Flags().StringVar(&to, "to", "", "the `SLOT` to go back to, when there are more than two")
	return cmd
}

func (a *actor) planRollback(ctx context.Context, to string) (*operation, error) {
	w, p, err := a.read(ctx)
	if err != nil {
		return nil, err
	}
	r := p.Record
	if wentBack(r) && r.To == p.Active.Value && p.settled(r.To) {
		return a.moved(w, p, "rollback", fmt.Sprintf("service %s was rolled back to %s=%s by %s %s; to go forward again use switch --to %s",
			p.Primary.Name, p.Key, r.To, r.By, sinceSwitch(r), r.From)), nil
	}
	if r != nil && (r.Phase == release.Preparing || r.Phase == release.AtGate) && !p.left(r.From) {
		return a.unchanged(p, "rollback", fmt.Sprintf("release %s has not moved any traffic: service %s is on %s=%s all along; use abort to end it",
			r.ID, p.Primary.Name, p.Key, r.From)), nil
	}
	if to == "" && r != nil {
		to = r.From
		if wentBack(r) { // it was cut off between two Services
			to = r.To
		}
	}
	if to == p.Active.Value && p.settled(to) {
		return a.unchanged(p, "rollback", alreadySwitched(p, to)), nil
	}
	if to == "" && len(p.idle()) == 0 {
		return nil, exit.Errorf(exit.Refused, "service %q has only one slot, deployment %s: there is nothing to roll back to", p.Primary.Name, p.Active.name())
	}
	target, err := p.target(to)
	if err != nil {
		return nil, err
	}
	if target.Deployment == nil {
		return nil, exit.Errorf(exit.Refused, "service %q: the Deployment of slot %s=%s is gone, so there is nothing to roll back to%s", p.Primary.Name, p.Key, to, p.slotList())
	}
	return a.planMove(ctx, w, p, "rollback", target, true)
}

// wentBack tells whether a record is that of a way back.
func wentBack(r *release.Record) bool {
	return r != nil && (r.Operation == "rollback" || r.Operation == "abort")
}
