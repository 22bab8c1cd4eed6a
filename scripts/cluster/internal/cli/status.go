package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/cluster"
)

func newStatus(streams cluster.Streams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show whether a cluster is up, its nodes, processes and paths",
		Long: `Show whether a cluster is up, its nodes, processes and paths. The exit code is 0 when it is up and every process that
should run does, and 1 otherwise; a node that was cut or stopped on purpose does not count.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return errUsage{fmt.Errorf("output format %q is unknown; give -o text or -o json", output)}
			}
			return cluster.PrintStatus(cmd.Context(), output == "json", streams)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "output format: text or json")
	return cmd
}
