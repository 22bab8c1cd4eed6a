package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Namespace is a namespace of one test. Its commands run with a kubeconfig whose context names it, so they need no -n.
// A command that fails where it must not ends the test.
type Namespace struct {
	// Name is the namespace's name.
	Name string
	// Kubeconfig is the file that the commands use.
	Kubeconfig string
	t          testing.TB
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// NewNamespace makes a namespace and removes it, without waiting, when the test ends. When the test failed, its objects and
// warning Events are logged first.
func NewNamespace(t testing.TB) *Namespace {
	t.Helper()
	base := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(t.Name()), "-"), "-")
	name := fmt.Sprintf("e2e-%.40s-%.5s", base, strings.ToLower(rand.Text()))
	config, err := clientcmd.LoadFromFile(here.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	n := &Namespace{Name: name, t: t}
	n.use(config)
	n.Kubectl("create", "namespace", name)
	t.Cleanup(n.remove)
	return n
}

// use writes the kubeconfig of n.
func (n *Namespace) use(config *clientcmdapi.Config) {
	n.t.Helper()
	config = config.DeepCopy()
	config.Contexts[config.CurrentContext].Namespace = n.Name
	n.Kubeconfig = filepath.Join(n.t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, n.Kubeconfig); err != nil {
		n.t.Fatal(err)
	}
}

func (n *Namespace) remove() {
	if n.t.Failed() {
		n.t.Logf("%s%s", n.Try("get", "deployments,pods,services,leases").Stdout, n.Try("get", "events", "--field-selector=type=Warning",
			"-o", "custom-columns=LAST:.lastTimestamp,COUNT:.count,KIND:.involvedObject.kind,NAME:.involvedObject.name,REASON:.reason,MESSAGE:.message").Stdout)
	}
	n.Try("delete", "namespace", n.Name, "--wait=false")
}

// With returns the same namespace for a subtest.
func (n *Namespace) With(t testing.TB) *Namespace {
	bound := *n
	bound.t = t
	return &bound
}

// Try runs kubectl and returns how it ended.
func (n *Namespace) Try(args ...string) Result { return n.Start(args...).Wait() }

// TryInput runs kubectl with text on its standard input.
func (n *Namespace) TryInput(stdin string, args ...string) Result {
	return start(n.t, n.Kubeconfig, stdin, args).Wait()
}

// Kubectl runs kubectl, which must succeed, and returns its standard output.
func (n *Namespace) Kubectl(args ...string) string {
	n.t.Helper()
	return n.succeeded(n.Try(args...))
}

// Start starts kubectl in the background.
func (n *Namespace) Start(args ...string) *Process {
	n.t.Helper()
	return start(n.t, n.Kubeconfig, "", args)
}

// Apply applies YAML.
func (n *Namespace) Apply(yaml string) {
	n.t.Helper()
	n.succeeded(n.TryInput(yaml, "apply", "-f", "-"))
}

func (n *Namespace) succeeded(r Result) string {
	n.t.Helper()
	if r.Code != 0 {
		n.t.Fatalf("%v", r)
	}
	return r.Stdout
}

// Want runs kubectl, which must end with the exit code.
func (n *Namespace) Want(code int, args ...string) Result {
	n.t.Helper()
	r := n.Try(args...)
	if r.Code != code {
		n.t.Fatalf("exit code %d, want %d\n%v", r.Code, code, r)
	}
	return r
}

// Get decodes one object, such as Get("service/hello", &service).
func (n *Namespace) Get(object string, into any) {
	n.t.Helper()
	if err := json.Unmarshal([]byte(n.Kubectl("get", object, "-o", "json")), into); err != nil {
		n.t.Fatalf("%s: %v", object, err)
	}
}

// Field returns what a JSONPath finds in one object, such as Field("service/hello", "{.spec.clusterIP}").
func (n *Namespace) Field(object, path string) string {
	n.t.Helper()
	return n.Kubectl("get", object, "-o", "jsonpath="+path)
}

// Rollout waits until Deployments, such as "deployment/hello", are rolled out.
func (n *Namespace) Rollout(deployments ...string) {
	n.t.Helper()
	for _, deployment := range deployments {
		n.Kubectl("rollout", "status", deployment, "--timeout=90s")
	}
}

// Eventually waits until check is true.
func (n *Namespace) Eventually(timeout time.Duration, what string, check func() bool) {
	n.t.Helper()
	for deadline := time.Now().Add(timeout); !check(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			n.t.Fatalf("not within %v: %s", timeout, what)
		}
	}
}

// ClusterURL returns the URL of a Service's first port at its cluster IP.
func (n *Namespace) ClusterURL(service string) string {
	n.t.Helper()
	return "http://" + n.Field("service/"+service, "{.spec.clusterIP}:{.spec.ports[0].port}") + "/"
}

// NodeURL returns the URL of a Service's first node port at the last node: not the one that cluster IPs lead through.
func (n *Namespace) NodeURL(service string) string {
	n.t.Helper()
	return "http://" + net.JoinHostPort(NodeIPs()[len(NodeIPs())-1], n.Field("service/"+service, "{.spec.ports[0].nodePort}")) + "/"
}

// AwaitAnswers waits until every one of the URLs answers ten times in a row: kube-proxy follows some time after a Service
// has endpoints.
func (n *Namespace) AwaitAnswers(urls ...string) {
	n.t.Helper()
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, url := range urls {
		good := 0
		n.Eventually(30*time.Second, url+" answers", func() bool {
			good++
			answer, err := client.Get(url)
			if err != nil || answer.StatusCode >= 400 {
				good = 0
			}
			if err == nil {
				answer.Body.Close()
			}
			return good == 10
		})
	}
}

// As returns the namespace as seen by a ServiceAccount of it, which must exist.
func (n *Namespace) As(account string) *Namespace {
	n.t.Helper()
	config, err := clientcmd.LoadFromFile(n.Kubeconfig)
	if err != nil {
		n.t.Fatal(err)
	}
	token := strings.TrimSpace(n.Kubectl("create", "token", account))
	config.AuthInfos = map[string]*clientcmdapi.AuthInfo{account: {Token: token}}
	config.Contexts[config.CurrentContext].AuthInfo = account
	as := *n
	as.use(config)
	return &as
}

// Shell runs a shell script with the environment of the commands; it must succeed. It is for what users do by hand.
func (n *Namespace) Shell(script string) string {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-ec", script)
	cmd.Env = here.environment(n.Kubeconfig)
	out, err := cmd.CombinedOutput()
	if err != nil {
		n.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

// WriteFile writes a file that lives as long as the test, and returns its path.
func (n *Namespace) WriteFile(name, content string) string {
	n.t.Helper()
	path := filepath.Join(n.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		n.t.Fatal(err)
	}
	return path
}
