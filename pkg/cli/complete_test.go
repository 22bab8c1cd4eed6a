package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"
)

const kubeconfig = `apiVersion: v1
kind: Config
contexts:
- name: prod
  context: {cluster: c}
- name: dev
  context: {cluster: c}
`

func TestCompletion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	must(os.WriteFile(path, []byte(kubeconfig), 0o600))
	t.Setenv("KUBECONFIG", path)
	tests := map[string]struct {
		args []string
		want string
	}{
		"verbs":                        {[]string{""}, "help\tShow the help for a command\nswitch\tSend the traffic to the other slot\nversion\tShow the version of this plugin\nwait\tWait for an interrupt\n:4\n"},
		"names":                        {[]string{"switch", ""}, "--replicas\treplicas of the new slot\nweb\napi\n:4\n"},
		"names by a prefix":            {[]string{"switch", "w"}, "web\n:4\n"},
		"names not typed":              {[]string{"switch", "web", ""}, "--replicas\treplicas of the new slot\napi\n:4\n"},
		"values of a choice":           {[]string{"switch", "--dry-run", ""}, "none\nclient\nserver\n:4\n"},
		"values of --color":            {[]string{"wait", "--color", ""}, "auto\nalways\nnever\n:4\n"},
		"output formats":               {[]string{"version", "-o", ""}, "table\nwide\njson\nyaml\nname\n:4\n"},
		"contexts":                     {[]string{"switch", "--context", ""}, "dev\nprod\n:4\n"},
		"namespaces without a cluster": {[]string{"switch", "--server=http://127.0.0.1:1", "-n", ""}, ":4\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := runArgs(t.Context(), append([]string{"__complete"}, tt.args...))
			assertResult(t, got, result{0, tt.want, "Completion ended with directive: ShellCompDirectiveNoFileComp\n"})
		})
	}
}

func TestCompleteNamesGivesUp(t *testing.T) {
	tests := map[string]struct {
		list func(ctx context.Context) ([]string, error)
		took time.Duration
	}{
		"an error":                  {func(context.Context) ([]string, error) { return []string{"a"}, errors.New("forbidden") }, 0},
		"a list that heeds the end": {func(ctx context.Context) ([]string, error) { <-ctx.Done(); return nil, ctx.Err() }, 2 * time.Second},
		"a list that does not":      {func(context.Context) ([]string, error) { time.Sleep(time.Minute); return []string{"a"}, nil }, 2 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cmd := &cobra.Command{}
				cmd.SetContext(t.Context())
				start := time.Now()
				names, directive := CompleteNames(tt.list)(cmd, nil, "")
				if took := time.Since(start); len(names) > 0 || directive != cobra.ShellCompDirectiveNoFileComp || took != tt.took {
					t.Errorf("%q, directive %d, after %v; want nothing after %v", slices.Clone(names), directive, took, tt.took)
				}
				time.Sleep(time.Minute) // until the list has ended too
			})
		})
	}
}
