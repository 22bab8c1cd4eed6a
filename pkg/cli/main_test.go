package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

// pluginVariable makes the test program act as the plugin, for the tests that need a process of its own.
const pluginVariable = "SWITCHYARD_TEST_PLUGIN"

func TestMain(m *testing.M) {
	if os.Getenv(pluginVariable) != "" {
		os.Exit(Main(newPlugin))
	}
	os.Exit(m.Run())
}

// newPlugin returns a plugin with verbs that end in every way a verb can.
func newPlugin(env *Env) *cobra.Command {
	var dryRun DryRun
	keep := KeepFor{Forever: true}
	swap := &cobra.Command{
		Use:               "switch SERVICE",
		Short:             "Send the traffic to the other slot",
		Example:           "    # go on without being asked\n    kubectl bluegreen switch web --yes",
		Args:              ExactArgs("SERVICE"),
		ValidArgsFunction: CompleteNames(func(context.Context) ([]string, error) { return []string{"web", "api", "w\x1b"}, nil }),
		RunE: func(_ *cobra.Command, args []string) error {
			fmt.Fprintf(env.Out, "service/%s switched%s, old side kept: %s\n", args[0], dryRun.Suffix(), keep)
			return nil
		},
	}
	AddDryRunFlag(swap.Flags(), &dryRun)
	swap.Flags().Var(&keep, "keep-old", "how long the old slot stays at full size")
	swap.Flags().Int("replicas", 0, "replicas of the new slot")
	must(swap.MarkFlagRequired("replicas"))

	fail := &cobra.Command{Use: "fail", Hidden: true, Args: ExactArgs(), RunE: func(*cobra.Command, []string) error {
		return exit.Errorf(exit.Refused, "service %q\x1b[2J: %w", "web", errors.New("no pods\nerror: forged"))
	}}
	wait := &cobra.Command{Use: "wait", Short: "Wait for an interrupt", RunE: func(cmd *cobra.Command, args []string) error {
		fmt.Fprintln(env.Out, "waiting")
		<-cmd.Context().Done()
		if len(args) > 0 {
			select {} // hangs, like a request that cannot be cancelled
		}
		return fmt.Errorf("wait for deployment web: %w", cmd.Context().Err())
	}}
	flood := &cobra.Command{Use: "flood", Hidden: true, RunE: func(*cobra.Command, []string) error {
		for {
			if _, err := fmt.Fprintln(env.Out, "line"); err != nil {
				return err
			}
		}
	}}
	return NewRoot(env, Root{
		Name:    "bluegreen",
		Short:   "Put the new version live at once",
		Long:    "Put the new version live at once, and take it back at once.",
		Example: "kubectl bluegreen switch web",
	}, wait, swap, fail, flood)
}

// must panics on an error that only a mistake in the test can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// result is everything that a run left behind.
type result struct {
	code        exit.Code
	out, errOut string
}

// run runs the plugin with args, split at spaces.
func run(ctx context.Context, args string) result { return runArgs(ctx, strings.Fields(args)) }

// runArgs runs the plugin with args.
func runArgs(ctx context.Context, args []string) result {
	var out, errOut bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut}
	code := Run(ctx, args, streams, newPlugin)
	return result{code, out.String(), errOut.String()}
}

func assertResult(t *testing.T, got, want result) {
	t.Helper()
	if got != want {
		t.Errorf("code %d\nstdout:\n%s\nstderr:\n%s\nwant code %d\nstdout:\n%s\nstderr:\n%s",
			got.code, got.out, got.errOut, want.code, want.out, want.errOut)
	}
}
