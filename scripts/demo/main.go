// Command demo shows a blue/green release under load on the local test cluster: it boots the cluster unless one is up,
// deploys a small application behind a Service, keeps traffic on it, releases a new version with kubectl bluegreen,
// takes it back, and counts what happened to every request.
//
// It needs Linux and root, as the cluster does. Exit codes: 0 no request lost, 1 some lost or the demo failed, 2 usage,
// 130 interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run shows the whole demo and returns the exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(errOut)
	bin := flags.String("bin", "bin", "folder of the plugins; the tools are in its folder tools")
	rate := flags.Float64("rate", 150, "requests per second, each on a new connection")
	soak := flags.Duration("soak", soakTime, "how long the release watches the new version after the switch")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(errOut, "error: argument %q: only flags are taken\n", flags.Arg(0))
		return 2
	}
	if why := unfit(runtime.GOOS, os.Geteuid()); why != "" {
		fmt.Fprintln(errOut, "error: "+why)
		return 1
	}
	folder, err := filepath.Abs(*bin)
	if err != nil {
		fmt.Fprintf(errOut, "error: %v\n", err)
		return 1
	}
	lost, err := show(ctx, stage{bin: folder, out: out, errOut: errOut}, *rate, *soak)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(errOut, "\ninterrupted; run make demo again at any time, or make demo-down to take everything down")
		return 130
	case err != nil:
		fmt.Fprintf(errOut, "error: %v\n", err)
		return 1
	case lost > 0:
		return 1
	}
	return 0
}

// unfit says why the demo cannot run here, "" when it can.
func unfit(system string, user int) string {
	const instead = "; with a cluster of your own, follow \"With a cluster of your own\" in README.md instead"
	switch {
	case system != "linux":
		return "the demo boots a Kubernetes cluster out of Linux namespaces, and this is " + system + instead
	case user != 0:
		return fmt.Sprintf("the demo boots a Kubernetes cluster, which needs root, and this is user %d: run it as root%s", user, instead)
	}
	return ""
}
