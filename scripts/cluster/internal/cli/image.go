package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/cluster"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/image"
)

func newImage(streams cluster.Streams) *cobra.Command {
	cmd := &cobra.Command{Use: "image", Short: "Give images to the nodes", Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newImageLoad(streams))
	return cmd
}

func newImageLoad(streams cluster.Streams) *cobra.Command {
	var spec image.Spec
	cmd := &cobra.Command{
		Use:   "load (TAR... | --name NAME:TAG --binary PATH)",
		Short: "Load images into the containerd of every running node",
		Long: `Load images into the containerd of every running node. No registry is reachable from the cluster, so every image that
a pod uses must be loaded. Pods need imagePullPolicy IfNotPresent, the default for a tag other than latest.

Either give docker-archive or OCI archive files (as "docker save" writes them), or let an image be made from one static
Linux program (CGO_ENABLED=0 go build), which becomes its entry point.`,
		Example: `  CGO_ENABLED=0 go build -o web . && cluster image load --name web:v1 --binary web
  cluster image load --name web:v2 --binary web --arg=--color=green --env MODE=fast
  cluster image load saved.tar`,
		RunE: func(cmd *cobra.Command, files []string) error {
			built := spec.Name != "" || spec.Binary != ""
			switch {
			case built && len(files) > 0:
				return errUsage{errors.New("archive files and --name with --binary exclude each other; give one of the two")}
			case built && (spec.Name == "" || spec.Binary == ""):
				return errUsage{errors.New("--name and --binary belong together; give both")}
			case !built && len(files) == 0:
				return errUsage{errors.New("nothing to load; give archive files, or --name with --binary")}
			case !built:
				return cluster.LoadArchives(cmd.Context(), files, streams)
			}
			if err := image.CheckName(spec.Name); err != nil {
				return errUsage{err}
			}
			return cluster.LoadBinary(cmd.Context(), spec, streams)
		},
	}
	cmd.Flags().StringVar(&spec.Name, "name", "", "name and tag of the image to make")
	cmd.Flags().StringVar(&spec.Binary, "binary", "", "static Linux program that the image holds and runs")
	cmd.Flags().StringArrayVar(&spec.Args, "arg", nil, "default argument of the program; repeatable")
	cmd.Flags().StringArrayVar(&spec.Env, "env", nil, "environment variable KEY=VALUE of the image; repeatable")
	return cmd
}
