package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// here is the cluster that the tests run on; Main sets it before any test begins.
var here site

func loadSite(work string) error {
	data, err := os.ReadFile((&workshop{dir: work}).siteFile())
	if err != nil {
		return err
	}
	here.work = work
	return json.Unmarshal(data, &here)
}

// environment is that of every command: the plugins found first, and nothing of the user's own configuration.
func (s site) environment(kubeconfig string) []string {
	return append(os.Environ(),
		"PATH="+(&workshop{dir: s.work}).bin()+string(os.PathListSeparator)+os.Getenv("PATH"),
		"HOME="+filepath.Join(s.work, "home"), "KUBECONFIG="+kubeconfig, "NO_COLOR=1")
}

// NodeIPs returns the addresses of the nodes, in order of their names; NodePorts answer there.
func NodeIPs() []string {
	var ips []string
	for _, node := range here.Nodes {
		ips = append(ips, node.IP)
	}
	return ips
}

// Cluster runs the cluster tool, such as Cluster(t, "apiserver", "restart"), and returns both its outputs.
func Cluster(t testing.TB, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(here.work, "cluster"), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("cluster %v: %v\n%s", args, err, out)
	}
	return string(out)
}
