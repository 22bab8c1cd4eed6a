package e2e_test

import (
	"strings"
	"testing"

	"github.com/kubectl-switchyard/switchyard/scripts/e2e"
)

// What is not understood is answered with what there is, exit code 2, and nothing else. None of it needs any pod.
func TestUsageErrors(t *testing.T) {
	t.Parallel()
	n := e2e.NewNamespace(t)
	n.Apply(blue)
	n.Kubectl("create", "service", "clusterip", "shop", "--tcp=80")
	proxy := n.StartProxy(e2e.Hooks{})
	for _, c := range []struct{ args, stderr string }{
		{"switch", `error: name a Service; in namespace "NAMESPACE" there is hello
`},
		{"status helo", `error: no Service "helo" in namespace "NAMESPACE"; did you mean hello?
`},
		{"run helo --image localhost/demoapp:v2 --yes", `error: no Service "helo" in namespace "NAMESPACE"; did you mean hello?
`},
		{"history warehouse", `error: no Service "warehouse" in namespace "NAMESPACE"; there is hello, shop
`},
		{"switch deploy/hello --yes", `error: "deploy/hello" is no Service; write NAME or svc/NAME
`},
		{"sneeze", `error: unknown command "sneeze" for "kubectl bluegreen"
  see 'kubectl bluegreen --help'
`},
		{"switch hello --sneeze", `error: unknown flag: --sneeze
  see 'kubectl bluegreen switch --help'
`},
		{"run hello --yes", `error: no release of service "hello" is in progress; say what is new: --image CONTAINER=IMAGE, or the new Deployment with -f or -k
`},
		{"run hello --image sidecar=localhost/demoapp:v2 --yes", `error: deployment "hello-blue" has no container "sidecar": it has app
`},
		{"run hello --image localhost/demoapp:v2 --gate=maybe", `error: --gate "maybe": must be one of auto, manual
`},
		{"run hello --image localhost/demoapp:v2 --keep-old=soon", `error: invalid argument "soon" for "--keep-old" flag: must be "forever" or a duration with a unit, such as 0s, 30s or 10m
  see 'kubectl bluegreen run --help'
`},
		{"run hello --image localhost/demoapp:v2 --to blue --yes", `error: --to blue: slot version=blue has the traffic; the new version goes to another one
`},
		{"switch hello --timeout 0s", `error: --timeout 0s: must be longer than 0s
`},
		{"prepare hello -f /does/not/exist.yaml --yes", `error: read the manifest: the path "/does/not/exist.yaml" does not exist
`},
	} {
		got := proxy.Try(append([]string{"bluegreen"}, strings.Fields(c.args)...)...)
		want := strings.ReplaceAll(c.stderr, "NAMESPACE", n.Name)
		if got.Code != 2 || got.Stderr != want || got.Stdout != "" {
			t.Errorf("%v\nwant exit code 2, nothing on stdout, and stderr\n%s", got, want)
		}
	}
	if writes := proxy.Writes(); len(writes) > 0 {
		t.Errorf("something was written: %+v", writes)
	}
}

// Nobody is asked who cannot answer.
func TestNoTerminalNeedsYes(t *testing.T) {
	t.Parallel()
	n := e2e.NewNamespace(t)
	n.Apply(blue)
	n.Rollout("deployment/hello-blue")
	proxy := n.StartProxy(e2e.Hooks{})
	got := proxy.TryInput("y\n", "bluegreen", "run", "hello", "--image", e2e.Image("v2"))
	if got.Code != 2 || !strings.HasSuffix(got.Stderr, "\nerror: stdin is no terminal: pass --yes to go on without being asked\n") || len(proxy.Writes()) > 0 {
		t.Errorf("%v\nwrites %+v", got, proxy.Writes())
	}
}

func TestClusterThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	n := e2e.NewNamespace(t)
	got := n.Want(7, "bluegreen", "status", "hello", "--server", "http://127.0.0.1:1")
	if !strings.Contains(got.Stderr, "127.0.0.1:1") {
		t.Errorf("the message does not name the server\n%v", got)
	}
}

func TestPluginIsFoundByKubectl(t *testing.T) {
	t.Parallel()
	n := e2e.NewNamespace(t)
	if out := n.Try("plugin", "list").Stdout; !strings.Contains(out, "/kubectl-bluegreen\n") {
		t.Errorf("kubectl plugin list:\n%s", out)
	}
	help := n.Kubectl("bluegreen", "--help")
	for _, want := range []string{
		"Usage:\n  kubectl bluegreen", "status ", "prepare ", "switch ", "rollback ", "finish ", "abort ", "run ", "history ",
		"Exit codes", "--context", "--namespace",
	} {
		if !strings.Contains(help, want) {
			t.Errorf("no %q in the help:\n%s", want, help)
		}
	}
	for _, verb := range []string{"status", "prepare", "switch", "rollback", "finish", "abort", "run", "history"} {
		if help := n.Kubectl("bluegreen", verb, "--help"); !strings.Contains(help, "kubectl bluegreen "+verb) || !strings.Contains(help, "Examples:") {
			t.Errorf("help of %s:\n%s", verb, help)
		}
	}
}
