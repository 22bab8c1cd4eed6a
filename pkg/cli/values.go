package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// choice is a pflag.Value that takes one of a few words.
type choice struct {
	value *string
	words []string
}

// String returns the present word.
func (c choice) String() string { return *c.value }

// Type returns the words, for the help text.
func (c choice) Type() string { return strings.Join(c.words, "|") }

// Set takes one of the words.
func (c choice) Set(value string) error {
	if !slices.Contains(c.words, value) {
		return fmt.Errorf("must be one of %s", strings.Join(c.words, ", "))
	}
	*c.value = value
	return nil
}

// DryRun is the value of --dry-run.
type DryRun string

// The dry runs, with kubectl's meaning. The zero value "" is DryRunNone too.
const (
	// DryRunNone really writes.
	DryRunNone DryRun = "none"
	// DryRunClient prints what would be written and sends no write.
	DryRunClient DryRun = "client"
	// DryRunServer sends the writes marked as dry run: the API server checks them and stores nothing.
	DryRunServer DryRun = "server"
)

// AddDryRunFlag adds --dry-run to fs, with "none" as the default.
func AddDryRunFlag(fs *pflag.FlagSet, target *DryRun) {
	*target = DryRunNone
	words := []string{string(DryRunNone), string(DryRunClient), string(DryRunServer)}
	fs.Var(choice{(*string)(target), words}, "dry-run",
		"client: show what would be written; server: let the API server check it too; nothing is stored")
}

// Active tells whether nothing may be stored.
func (d DryRun) Active() bool { return d == DryRunClient || d == DryRunServer }

// Suffix returns what a line about a write ends with: "", " (dry run)" or " (server dry run)", as kubectl has it.
func (d DryRun) Suffix() string {
	switch d {
	case DryRunClient:
		return " (dry run)"
	case DryRunServer:
		return " (server dry run)"
	}
	return ""
}

// WriteOptions returns the DryRun field of a write's options (metav1.PatchOptions and its like).
func (d DryRun) WriteOptions() []string {
	if d == DryRunServer {
		return []string{metav1.DryRunAll}
	}
	return nil
}

// KeepFor is a flag value that says how long something is kept: for a while, or forever.
type KeepFor struct {
	Forever bool
	// For counts when Forever is false; 0 means not at all.
	For time.Duration
}

const keepForRule = `must be "forever" or a duration with a unit, such as 0s, 30s or 10m`

// String returns the value as it is written on the command line.
func (k KeepFor) String() string {
	if k.Forever {
		return "forever"
	}
	return k.For.String()
}

// Type names the kind of value, for the help text.
func (k *KeepFor) Type() string { return "forever|duration" }

// Set takes "forever" or a duration with a unit that is not negative. A bare "0" is refused: it is as easily meant as
// "no limit" as it is meant as "at once".
func (k *KeepFor) Set(value string) error {
	if value == "forever" {
		*k = KeepFor{Forever: true}
		return nil
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 || strings.Trim(value, "0123456789+-.") == "" {
		return errors.New(keepForRule)
	}
	*k = KeepFor{For: d}
	return nil
}
