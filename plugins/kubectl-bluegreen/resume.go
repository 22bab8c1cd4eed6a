package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

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
	resumed.source.Images, resumed.source.Preview, resumed.source.To = options.Images, options.Preview, record.To
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
	if prepared := p.slot(record.To); r.manifest == nil && len(options.Images) == 0 && record.Phase == release.AtGate && prepared != nil {
		// It came from a manifest that is not given again, and is not needed: at the gate the new side is up.
		live, err := r.client.Dynamic.Resource(deployments).Namespace(r.client.Namespace).Get(ctx, prepared.name(), metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		resumed.manifest = live
	}
	if resumed.manifest == nil && len(options.Images) == 0 {
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

func (r *runner) gateStep(p *pair, record release.Record) release.Step {
	return release.Step{
		ID: "gate", Text: "stop at the gate until somebody approves (exit code 3)",
		Do: func(ctx context.Context) (string, error) {
			if r.dry() {
				return "", nil
			}
			at := record.In(release.AtGate, r.now())
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
	if record.Phase == release.Soaking || !p.settled(record.To) {
		op.plan.Steps = append(op.plan.Steps, r.endpointsStep(m))
	}
	if record.Phase == release.Soaking {
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
		if r.keep.Forever && p.settled(record.To) {
			return r.unchanged(p, "run", fmt.Sprintf("release %s is done: service %s is on %s=%s (deployment %s)", record.ID, p.Primary.Name, p.Key, record.To, p.Active.name())), nil
		}
		rest = slices.DeleteFunc(rest, func(step release.Step) bool { return step.ID == "soak" || step.ID == "journal-switched" })
	}
	op.plan.Steps = append(op.plan.Steps, rest...)
	op.failed = r.runFailed(p, m)
	return op, nil
}
