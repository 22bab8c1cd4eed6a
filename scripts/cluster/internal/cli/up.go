package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/artifact"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/cluster"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
)

const kubernetesHelp = "Kubernetes version, 1.33 to 1.36 with its patch level"

func newUp(streams cluster.Streams) *cobra.Command {
	var kubernetes string
	var o cluster.UpOptions
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring a cluster up and wait until its nodes are Ready",
		Long: `Bring a cluster up and wait until its nodes are Ready and the default ServiceAccount exists.

What is missing is installed (Debian packages) or built (Kubernetes, once per version; minutes when cold). The last line,
on standard output alone, is the command that points kubectl at the cluster. What an interrupted or crashed cluster left
is removed first; while another one is up, this command refuses.`,
		Example: `  cluster up
  eval "$(cluster up --nodes 2)"`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Kubernetes, err = artifact.ParseVersion(kubernetes); err != nil {
				return errUsage{err}
			}
			if o.StateDir, err = filepath.Abs(o.StateDir); err != nil {
				return err
			}
			return cluster.Up(cmd.Context(), o, streams)
		},
	}
	cmd.Flags().IntVar(&o.Nodes, "nodes", 1, "number of nodes")
	cmd.Flags().StringVar(&kubernetes, "kubernetes", artifact.DefaultKubernetes, kubernetesHelp)
	cmd.Flags().BoolVar(&o.Router, "router", false, "run an HTTP router (Traefik) on 127.0.0.1:8000: Gateway API, and Ingress class nginx")
	cmd.Flags().StringVar(&o.StateDir, "state-dir", layout.DefaultStateDir, "folder for data, certificates and logs; down removes it")
	return cmd
}

func newDown(streams cluster.Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Take the cluster down and leave nothing behind",
		Long: `Take the cluster down: end its processes, and remove its namespaces, links, routes, cgroups, mounts and files, also
what an interrupted or crashed run left. Only processes inside the cluster's cgroup or named in its state file are ended.
With nothing up it says so and succeeds.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cluster.Down(cmd.Context(), streams) },
	}
}

func newKubeconfig(streams cluster.Streams) *cobra.Command {
	return &cobra.Command{
		Use:     "kubeconfig",
		Short:   "Print the path of the administrator's kubeconfig",
		Example: `  export KUBECONFIG=$(cluster kubeconfig)`,
		Args:    usageArgs(cobra.NoArgs),
		RunE:    func(*cobra.Command, []string) error { return cluster.Kubeconfig(streams) },
	}
}

func newBuild(streams cluster.Streams) *cobra.Command {
	var kubernetes string
	var router bool
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build and cache what up needs, without starting anything",
		Long: `Build the Kubernetes components and the sandbox image and put them into the cache, without starting anything and
without root. The cache is $SWITCHYARD_CACHE, by default switchyard/cluster in the user's cache folder. The folder of the
components is printed on standard output.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			version, err := artifact.ParseVersion(kubernetes)
			if err != nil {
				return errUsage{err}
			}
			return cluster.Build(cmd.Context(), version, router, streams)
		},
	}
	cmd.Flags().StringVar(&kubernetes, "kubernetes", artifact.DefaultKubernetes, kubernetesHelp)
	cmd.Flags().BoolVar(&router, "router", false, "build the router too")
	return cmd
}
