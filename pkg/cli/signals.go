package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/output"
)

// withSignals returns a context that the first SIGINT or SIGTERM cancels, with a cause that names the signal and has
// the code exit.Interrupted. The second one ends the process at once, after terminals among writers got their cursor
// back. stop ends the handling.
func withSignals(parent context.Context, writers ...io.Writer) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case got := <-signals:
			cancel(exit.Errorf(exit.Interrupted, "interrupted (signal: %v)", got))
		case <-ctx.Done():
			return
		}
		<-signals
		for _, w := range writers {
			output.RestoreTerminal(w)
		}
		os.Exit(int(exit.Interrupted))
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}
