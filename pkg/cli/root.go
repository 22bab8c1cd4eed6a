package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-switchyard/switchyard/pkg/output"
)

// Root describes a plugin's root command.
type Root struct {
	// Name is the plugin's name after kubectl, as in bluegreen.
	Name string
	// Short is one line, Long the text that the help begins with, Example a list of example lines.
	Short, Long, Example string
}

// clusterFlag is the annotation of kubectl's connection flags, which the help shows apart from the verb's own.
const clusterFlag = "switchyard_cluster_flag"

// NewRoot returns the root command of a plugin: the given verbs, a version verb, kubectl's connection flags, --color
// and -v. Without a verb it prints the help; a plugin whose name alone does something sets Args and RunE of the
// returned command, and Use to "kubectl-NAME ARGUMENTS".
func NewRoot(env *Env, r Root, verbs ...*cobra.Command) *cobra.Command {
	root := &cobra.Command{
		Use:                        "kubectl-" + r.Name,
		Annotations:                map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl " + r.Name},
		Short:                      r.Short,
		Long:                       r.Long,
		Example:                    r.Example,
		Args:                       verbArgs,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceUsage:               true,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	addRootFlags(env, root)
	verbs = append(verbs, newVersionCommand(env, r.Name))
	root.AddCommand(verbs...)
	root.SetHelpCommand(newHelpCommand(root))
	root.InitDefaultHelpCmd()
	completeClusterFlags(env, root)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		children := cmd.Commands()
		if cmd == root {
			children = verbs // in the order of their use, where cobra sorts them
		}
		cmd.Print(helpText(cmd, children))
	})
	return root
}

// addRootFlags adds the flags that every verb inherits.
func addRootFlags(env *Env, root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.BoolP("help", "h", false, "show this help")
	flags.Var(choice{env.Color, output.ColorModes()}, "color", "use colour; auto: on a terminal, unless NO_COLOR is set")
	flags.IntVarP(env.Verbosity, "v", "v", *env.Verbosity, "log level of the Kubernetes client, as of kubectl (0 to 10)")

	cluster := pflag.NewFlagSet("cluster", pflag.ContinueOnError)
	env.Config.AddFlags(cluster)
	cluster.VisitAll(func(f *pflag.Flag) { f.Annotations = map[string][]string{clusterFlag: nil} })
	flags.AddFlagSet(cluster)
}
