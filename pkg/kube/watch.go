package kube

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// tick is how often a check runs with no change seen, for conditions that only time makes true.
const tick = time.Second

// Source is something that Until can watch.
type Source interface {
	start(ctx context.Context, changed func(), failed func(error))
	current() error
}

// Until watches sources and runs check once all of them are read, after every change, and once a second, until it says
// done or fails, or ctx ends; then that error is returned. A missing right fails at once. While a source is cut off from
// the API server, check rests: nothing is concluded from a state that may be over. Requests still under way when Until
// returns are cancelled.
func Until(ctx context.Context, check func() (done bool, err error), sources ...Source) error {
	watching, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	changes := make(chan struct{}, 1)
	changed := func() {
		select {
		case changes <- struct{}{}:
		default: // a check is due already
		}
	}
	for _, source := range sources {
		source.start(watching, changed, stop)
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		cut := firstCut(sources)
		if cut == nil {
			if done, err := check(); done || err != nil {
				return err
			}
		}
		select {
		case <-watching.Done():
			return endOf(ctx, watching, cut)
		case <-changes:
		case <-ticker.C:
		}
	}
}

func firstCut(sources []Source) error {
	for _, source := range sources {
		if err := source.current(); err != nil {
			return err
		}
	}
	return nil
}

// endOf says why a watch ended: its context, with what kept it from seeing anything, or the source that failed.
func endOf(outer, inner context.Context, cut error) error {
	switch {
	case outer.Err() == nil:
		return context.Cause(inner)
	case cut != nil && errors.Is(outer.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w (the API server could not be watched: %w)", outer.Err(), cut)
	}
	return outer.Err()
}
