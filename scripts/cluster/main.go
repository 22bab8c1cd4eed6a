// Program cluster boots a real Kubernetes cluster on one Debian machine, without Docker and without a registry.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/cli"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := cli.Main(ctx, os.Args[1:], cluster.Streams{Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
