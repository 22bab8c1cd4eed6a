package cli

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // the OIDC, GCP and Azure users of a kubeconfig
	"k8s.io/klog/v2"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/output"
)

// completionPrefix is how kubectl names the program that completes a plugin's arguments: kubectl_complete-NAME.
// See https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/.
const completionPrefix = "kubectl_complete-"

// Main runs a plugin with the arguments and streams of the process and returns the exit code. The first SIGINT or
// SIGTERM cancels the context of the verb, a second one ends the process at once. A closed pipe on stdout or stderr
// ends it quietly: that is what the Go runtime does on its own (see "SIGPIPE" in the documentation of os/signal).
func Main(newRoot func(*Env) *cobra.Command) int {
	klog.SetLogger(logr.Discard())
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	ctx, stop := withSignals(context.Background(), os.Stdout, os.Stderr)
	defer stop()
	return int(Run(ctx, arguments(os.Args), streams, newRoot))
}

// arguments returns what follows the program's name in argv. Under the name kubectl_complete-NAME, which may be a link
// to the plugin, the arguments are those to complete.
func arguments(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	if strings.HasPrefix(filepath.Base(argv[0]), completionPrefix) {
		return append([]string{cobra.ShellCompRequestCmd}, argv[1:]...)
	}
	return argv[1:]
}

// Run runs a plugin with args, which leave out the program's name, on the given streams and returns the exit code. An
// error is printed here, once, to stderr. What fails before a verb begins to run (flags, arguments) is exit.Usage.
func Run(ctx context.Context, args []string, streams genericiooptions.IOStreams, newRoot func(*Env) *cobra.Command) exit.Code {
	env := NewEnv(streams)
	root := newRoot(env)
	root.SetArgs(append([]string{}, args...))
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.ErrOut)

	began := false
	prepare(root, func() {
		began = true
		showClientLog(*env.Verbosity)
	})
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exit.OK
	}
	code, text := verdict(ctx, err)
	if !began {
		var coded *exit.Error
		if !errors.As(err, &coded) {
			code = exit.Usage
		}
		text += "\nsee '" + cmd.CommandPath() + " --help'"
	}
	say := env.Messages().Errorf
	if code == exit.Waiting { // it went as it should
		say = env.Messages().Infof
	}
	say("%v", output.Text(output.EscapeLines(text)))
	return code
}

// verdict returns the exit code and the message for err. An error that has no code of its own and came while the
// context was being cancelled is an interruption.
func verdict(ctx context.Context, err error) (exit.Code, string) {
	var coded *exit.Error
	if errors.As(err, &coded) {
		return coded.Code, err.Error()
	}
	code := exit.CodeOf(err)
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) || (ctx.Err() == nil && code != exit.Interrupted) {
		return code, err.Error()
	}
	place, isWhole := strings.CutSuffix(err.Error(), context.Canceled.Error())
	if place = strings.TrimSuffix(place, ": "); isWhole && place == "" {
		return exit.Interrupted, "interrupted"
	}
	return exit.Interrupted, "interrupted: " + place
}

// prepare makes every command under cmd call begin before it runs, and completes the values of flags that take one of
// a few words.
func prepare(cmd *cobra.Command, begin func()) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			begin()
			return run(cmd, args)
		}
	}
	completeFlags(cmd)
	for _, child := range cmd.Commands() {
		prepare(child, begin)
	}
}

// showClientLog lets the log of the Kubernetes client through to stderr, up to the given level; 0 shows nothing.
func showClientLog(level int) {
	if level <= 0 {
		return
	}
	klog.ClearLogger()
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	// Cannot fail: the flag is klog's own and takes any integer.
	_ = flags.Set("v", strconv.Itoa(level))
}
