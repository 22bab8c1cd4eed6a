// Package cli is the command line: one file per command, which reads flags and calls package cluster.
package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/cluster"
)

const long = `Boot a real Kubernetes cluster on this machine, without Docker and without a registry.

etcd, kube-apiserver, kube-controller-manager and kube-scheduler run on the machine itself; each node is a network
namespace with a containerd, a kubelet and a kube-proxy of its own. Pods are real, so are probes, Services and their
iptables rules. Nodes can be cut off, healed, powered off and on. It needs Linux (Debian) and root, and it builds
Kubernetes from its Go modules once per version.

Addresses: control plane 10.200.0.1, node N 10.200.N.2, pods 10.244.N.0/24, ClusterIPs 10.96.0.0/16. All of them answer
from this machine, and no packet for them leaves it.

Exit codes: 0 done; 1 failed, or "status" found no healthy cluster; 2 usage; 130 interrupted.`

const example = `  cluster up --nodes 2
  export KUBECONFIG=$(cluster kubeconfig)
  CGO_ENABLED=0 go build -o web ./web && cluster image load --name web:v1 --binary web
  cluster node cut node2 && kubectl get nodes --watch
  cluster down`

// errUsage marks an error of the command line itself.
type errUsage struct{ error }

// Main runs one command line and returns its exit code.
func Main(ctx context.Context, args []string, streams cluster.Streams) int {
	root := newRoot(streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage errUsage
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(streams.Err, "interrupted")
		return 130
	case errors.As(err, &usage):
		fmt.Fprintf(streams.Err, "error: %v\nsee `cluster --help`\n", err)
		return 2
	case errors.Is(err, cluster.ErrUnhealthy):
		return 1
	}
	fmt.Fprintf(streams.Err, "error: %v\n", err)
	return 1
}

func newRoot(streams cluster.Streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "cluster",
		Short:         "Boot a real Kubernetes cluster on this machine",
		Long:          long,
		Example:       example,
		SilenceErrors: true,
		SilenceUsage:  true,
		// Without a command it prints its help; with a word that is none it fails.
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return errUsage{err} })
	root.AddCommand(newUp(streams), newDown(streams), newStatus(streams), newKubeconfig(streams), newImage(streams),
		newNode(streams), newAPIServer(streams), newLogs(streams), newBuild(streams))
	return root
}

// usageArgs makes an argument check's error an error of usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return errUsage{err}
		}
		return nil
	}
}
