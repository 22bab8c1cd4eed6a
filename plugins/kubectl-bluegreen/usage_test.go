package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
)

// runWithoutCluster runs a command line with a kubeconfig that does not exist. It returns the exit code, stdout and
// stderr.
func runWithoutCluster(t *testing.T, commandLine string) string {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("NO_COLOR", "1")
	var out, errOut strings.Builder
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut}
	code := cli.Run(t.Context(), strings.Fields(commandLine), streams, newRoot)
	return fmt.Sprintf("exit %d\n%s%s", code, out.String(), errOut.String())
}

func TestUsageErrors(t *testing.T) {
	writing := []string{"prepare hello --image app=x", "switch hello", "rollback hello", "finish hello", "abort hello", "run hello --image app=x"}
	for _, verb := range writing {
		name, _, _ := strings.Cut(verb, " ")
		help := "  see 'kubectl bluegreen " + name + " --help'\n"
		for flags, want := range map[string]string{
			"--timeout 0s":      "error: --timeout 0s: must be longer than 0s\n",
			"--timeout=-1m":     "error: --timeout -1m0s: must be longer than 0s\n",
			"--drain-delay=-1s": "error: --drain-delay -1s: must not be negative\n",
			"deploy/hello":      "error: \"deploy/hello\" is no Service; write NAME or svc/NAME\n",
			"--timeout 5":       "error: invalid argument \"5\" for \"--timeout\" flag: time: missing unit in duration \"5\"\n" + help,
			"--dry-run=maybe":   "error: invalid argument \"maybe\" for \"--dry-run\" flag: must be one of none, client, server\n" + help,
			"--frobnicate":      "error: unknown flag: --frobnicate\n" + help,
		} {
			t.Run(verb+" "+flags, func(t *testing.T) { wantText(t, runWithoutCluster(t, verb+" "+flags), "exit 2\n"+want) })
		}
	}
	tests := map[string]string{
		"prepare hello":                           "error: say what is new: --image CONTAINER=IMAGE, or the new Deployment with -f or -k\n",
		"prepare hello --image a=b -f x.yaml":     "error: --image with -f or -k: give one of them; the manifest names its images\n",
		"prepare hello -f x.yaml -k .":            "error: -f and -k: give one of them\n",
		"run hello --gate=perhaps":                "error: --gate \"perhaps\": must be one of auto, manual\n",
		"run hello --check-url hello":             "error: --check-url \"hello\": must be an absolute http or https URL\n",
		"run hello --image a=b -k .":              "error: --image with -f or -k: give one of them; the manifest names its images\n",
		"run hello --keep-old=0":                  "error: invalid argument \"0\" for \"--keep-old\" flag: must be \"forever\" or a duration with a unit, such as 0s, 30s or 10m\n  see 'kubectl bluegreen run --help'\n",
		"finish hello --keep-old=-1m":             "error: invalid argument \"-1m\" for \"--keep-old\" flag: must be \"forever\" or a duration with a unit, such as 0s, 30s or 10m\n  see 'kubectl bluegreen finish --help'\n",
		"status a b":                              "error: unexpected argument \"b\": usage: kubectl bluegreen status [SERVICE] [flags]\n  see 'kubectl bluegreen status --help'\n",
		"status hello -A":                         "error: a Service was named: -A and -l are for listings\n",
		"status hello -l app=hello":               "error: a Service was named: -A and -l are for listings\n",
		"status -l a=(":                           "error: -l \"a=(\": unable to parse requirement: found '(', expected: identifier\n",
		"status -o xml":                           "error: unknown output format \"xml\": -o takes one of table, wide, json, yaml, name\n",
		"status deploy/hello":                     "error: \"deploy/hello\" is no Service; write NAME or svc/NAME\n",
		"history a b":                             "error: unexpected argument \"b\": usage: kubectl bluegreen history SERVICE [flags]\n  see 'kubectl bluegreen history --help'\n",
		"history hello -o xml":                    "error: unknown output format \"xml\": -o takes one of table, wide, json, yaml, name\n",
		"history pod/hello":                       "error: \"pod/hello\" is no Service; write NAME or svc/NAME\n",
		"swich hello":                             "error: unknown command \"swich\" for \"kubectl bluegreen\"; did you mean switch?\n  see 'kubectl bluegreen --help'\n",
		"status --kubeconfig /nonexistent/config": "error: read the kubeconfig: stat /nonexistent/config: no such file or directory\n",
		"switch --context nowhere hello":          "error: read the kubeconfig: invalid configuration: context was not found for specified context: nowhere\n",
	}
	for commandLine, want := range tests {
		t.Run(commandLine, func(t *testing.T) { wantText(t, runWithoutCluster(t, commandLine), "exit 2\n"+want) })
	}
}

func TestUnreachableCluster(t *testing.T) {
	// Nothing listens on port 1; which of the requests fails first is open.
	for _, verb := range []string{"status", "status hello", "history hello", "switch hello --yes", "rollback hello", "run hello", "prepare"} {
		t.Run(verb, func(t *testing.T) {
			got := runWithoutCluster(t, verb+" --server=http://127.0.0.1:1")
			if !strings.HasPrefix(got, "exit 7\nerror: Get \"http://127.0.0.1:1/") || !strings.HasSuffix(got, "dial tcp 127.0.0.1:1: connect: connection refused\n") {
				t.Errorf("got:\n%s", got)
			}
		})
	}
}
