package cli

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-switchyard/switchyard/pkg/output"
)

// completionTimeout is how long a user who pressed the tab key waits at most.
const completionTimeout = 2 * time.Second

// CompleteNames returns a completion for arguments that are names out of list. A list that fails or takes longer than
// two seconds completes nothing and says nothing: the user is typing. Names that were typed already are left out.
func CompleteNames(list func(ctx context.Context) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		// With room for the names, so that a list that ignores ctx does not wait for ever to hand them over.
		names := make(chan []string, 1)
		go func() {
			found, err := list(ctx)
			if err != nil {
				found = nil
			}
			names <- found
		}()
		select {
		case found := <-names:
			return fitting(found, args, toComplete), cobra.ShellCompDirectiveNoFileComp
		case <-ctx.Done():
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
	}
}

// fitting returns the names that begin with prefix and are not taken. A name that is not fit for a terminal is left
// out, since it would end up on the command line.
func fitting(names, taken []string, prefix string) []cobra.Completion {
	var fit []cobra.Completion
	for _, name := range names {
		if strings.HasPrefix(name, prefix) && !slices.Contains(taken, name) && output.Escape(name) == name {
			fit = append(fit, name)
		}
	}
	return fit
}

// completeClusterFlags completes --context, --cluster and --user from the kubeconfig and --namespace from the cluster.
func completeClusterFlags(env *Env, root *cobra.Command) {
	kubeconfig := func(names func(clientcmdapi.Config) []string) func(context.Context) ([]string, error) {
		return func(context.Context) ([]string, error) {
			config, err := env.Config.ToRawKubeConfigLoader().RawConfig()
			return names(config), err
		}
	}
	lists := map[string]func(context.Context) ([]string, error){
		"context":   kubeconfig(func(c clientcmdapi.Config) []string { return sortedKeys(c.Contexts) }),
		"cluster":   kubeconfig(func(c clientcmdapi.Config) []string { return sortedKeys(c.Clusters) }),
		"user":      kubeconfig(func(c clientcmdapi.Config) []string { return sortedKeys(c.AuthInfos) }),
		"namespace": func(ctx context.Context) ([]string, error) { return namespaces(ctx, env) },
	}
	for flag, list := range lists {
		complete := CompleteNames(list)
		// Cannot fail: the flags exist and have no completion yet.
		_ = root.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return complete(cmd, nil, toComplete)
		})
	}
}

// sortedKeys returns the keys of m in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// namespaces returns the names of the cluster's namespaces, at most 500.
func namespaces(ctx context.Context, env *Env) ([]string, error) {
	config, err := env.Config.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{Limit: 500})
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(list.Items))
	for _, namespace := range list.Items {
		names = append(names, namespace.Name)
	}
	return names, nil
}

// completeFlags completes the values of -o and of every flag of cmd that takes one of a few words. A completion that
// the command has already stays.
func completeFlags(cmd *cobra.Command) {
	register := func(f *pflag.Flag) {
		words := []string(nil)
		if value, isChoice := f.Value.(choice); isChoice {
			words = value.words
		} else if f.Name == "output" {
			words = output.Formats()
		}
		if _, exists := cmd.GetFlagCompletionFunc(f.Name); words != nil && !exists {
			// Cannot fail: the flag exists and has no completion.
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	cmd.Flags().VisitAll(register)
	cmd.PersistentFlags().VisitAll(register)
}
