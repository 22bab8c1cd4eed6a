package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

// ExactArgs demands one argument for each name, in that order. Anything else is an error with code exit.Usage that
// names the first missing argument or the first one too many.
func ExactArgs(names ...string) cobra.PositionalArgs {
	return RangeArgs(len(names), len(names), names...)
}

// RangeArgs demands at least least and at most most arguments; a negative most means any number. names are those of
// the arguments, in order; the last one stands for all that follow.
func RangeArgs(least, most int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return exit.Errorf(exit.Usage, "missing argument %s: usage: %s", argumentName(names, len(args)), cmd.UseLine())
		case most >= 0 && len(args) > most:
			return exit.Errorf(exit.Usage, "unexpected argument %q: usage: %s", args[most], cmd.UseLine())
		}
		return nil
	}
}

// argumentName returns the name of the argument at index.
func argumentName(names []string, index int) string {
	if len(names) == 0 {
		return "1"
	}
	return names[min(index, len(names)-1)]
}

// verbArgs refuses any argument of a root command, which is an unknown verb, and suggests the verbs that look like it.
func verbArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if alike := cmd.SuggestionsFor(args[0]); len(alike) > 0 {
		hint = "; did you mean " + strings.Join(alike, " or ") + "?"
	}
	return exit.Errorf(exit.Usage, "unknown command %q for %q%s", args[0], cmd.CommandPath(), hint)
}
