package cli

import (
	"time"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-switchyard/switchyard/pkg/output"
)

// Env is what a verb gets from the outside. Tests replace its parts.
type Env struct {
	genericiooptions.IOStreams
	// Config holds kubectl's connection flags, bound to the root command.
	Config *genericclioptions.ConfigFlags
	// Color is the value of --color, valid after the flags were parsed.
	Color *string
	// Verbosity is the value of -v: 0 hides the log of the Kubernetes client.
	Verbosity *int
	// Clock returns the present time.
	Clock func() time.Time
	// IsTerminal tells whether stdin is a terminal, so that asking is possible.
	IsTerminal func() bool
}

// NewEnv returns an Env on the given streams, with kubectl's defaults and the real clock.
func NewEnv(streams genericiooptions.IOStreams) *Env {
	color, verbosity := output.ColorAuto, 0
	return &Env{
		IOStreams:  streams,
		Config:     genericclioptions.NewConfigFlags(true).WithWarningPrinter(streams),
		Color:      &color,
		Verbosity:  &verbosity,
		Clock:      time.Now,
		IsTerminal: func() bool { return printers.IsTerminal(streams.In) },
	}
}

// Messages returns the messages on stderr, coloured as --color says.
func (e *Env) Messages() *output.Messages { return output.NewMessages(e.IOStreams, *e.Color) }

// Printer returns the printer for results on stdout, coloured as --color says. An unknown format is an error with code
// exit.Usage.
func (e *Env) Printer(flags output.Flags) (*output.Printer, error) {
	flags.Color = *e.Color
	return flags.Printer(e.IOStreams)
}
