package cli

import (
	"github.com/spf13/cobra"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/cluster"
)

func newLogs(streams cluster.Streams) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs COMPONENT",
		Short: "Print the log of a component",
		Long: `Print the log of a component: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, router, or of a node
NODE/containerd, NODE/kubelet, NODE/kube-proxy.`,
		Example: `  cluster logs kube-apiserver
  cluster logs -f node1/kubelet`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return cluster.Logs(cmd.Context(), args[0], follow, streams)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing what is added until interrupted")
	return cmd
}
