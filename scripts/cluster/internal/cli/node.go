package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/cluster"
)

func newNode(streams cluster.Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Cut, heal, stop and start nodes",
		Long: `Make a node fail and come back. A node that is cut or stopped becomes NotReady after about 20 seconds. When it was the
one through which this machine reaches ClusterIPs, the next healthy node takes that over.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, verb := range []struct {
		name, short, long string
		run               func(context.Context, string, cluster.Streams) error
	}{
		{"cut", "Take the node off the network; its pods go on running",
			"Take the node off the network in both directions. Its pods go on running inside; packets to them are lost in silence.", cluster.CutNode},
		{"heal", "Connect a node that was cut",
			"Connect a node that was cut, with all its routes.", cluster.HealNode},
		{"stop", "Power the node off at once, with all its containers",
			"Power the node off: its kubelet, kube-proxy, containerd and containers end at once, without notice, as in a power failure. Its disk stays.", cluster.StopNode},
		{"start", "Boot a node that was stopped, and wait until it is Ready",
			"Boot a node that was stopped, with the same identity, disk and images, and wait until it is Ready.", cluster.StartNode},
	} {
		cmd.AddCommand(&cobra.Command{
			Use:     verb.name + " NAME",
			Short:   verb.short,
			Long:    verb.long,
			Example: "  cluster node " + verb.name + " node2",
			Args:    usageArgs(cobra.ExactArgs(1)),
			RunE:    func(cmd *cobra.Command, args []string) error { return verb.run(cmd.Context(), args[0], streams) },
		})
	}
	return cmd
}

func newAPIServer(streams cluster.Streams) *cobra.Command {
	cmd := &cobra.Command{Use: "apiserver", Short: "Restart the API server", Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(&cobra.Command{
		Use:   "restart",
		Short: "Restart kube-apiserver and report how long it was gone",
		Long: `End kube-apiserver (SIGTERM, and SIGKILL after 3 seconds), start it again with the same flags, wait until it is ready,
and report how long it was not.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cluster.RestartAPIServer(cmd.Context(), streams) },
	})
	return cmd
}
