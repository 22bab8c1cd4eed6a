package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

func (r *runner) keptText(p *pair, m move) string {
	if !r.keep.Forever {
		return ""
	}
	return fmt.Sprintf("; deployment %s is kept at full size for the way back, until kubectl bluegreen finish %s", m.peer, p.Primary.Name)
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
	kept := record.In(release.Switched, r.now())
	if !r.keep.Forever && kept.SwitchedAt != nil {
		kept.Until = ptr.To(metav1.NewTime(kept.SwitchedAt.Add(r.keep.For)))
	}
	r.events.Normal(ctx, "Released", "release %s of %s is done: %s=%s has the traffic", record.ID, record.By, m.key, m.to)
	return r.conclude(ctx, r.entryOf(record, "run", resultDone, ""), &kept)
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
	back.record = back.record.In(release.Switched, r.now())
	back.entry = r.entryOf(m.record, "run", resultRolledBack, reason)
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
	held := live.In(release.Switched, r.now())
	held.Reason = firstLine(failure)
	if err := r.conclude(ctx, r.entryOf(m.record, "run", resultFailed, held.Reason), &held); err != nil {
		r.messages.Warnf("the journal was not written: %v", err)
	}
	return exit.Errorf(exit.No, "release %s failed: %w\nthe traffic of service %s is held on %s=%s (deployment %s), as --on-failure=hold asks; go back with kubectl bluegreen rollback %s",
		m.record.ID, failure, r.primary, m.key, m.to, m.deployment, r.primary)
}
