package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	e2eVariable = "SWITCHYARD_CLUSTER_E2E"
	clusterIP   = "http://10.96.7.7/"
	routerURL   = "http://127.0.0.1:8000/"
)

// e2e drives the built tool as a person does.
type e2e struct {
	tool, kubectl, kubeconfig string
}

// TestEndToEnd boots real clusters on this machine and checks what the tool promises. It needs root, about three
// minutes, and SWITCHYARD_CLUSTER_E2E=1, or =router to include the router (built when it is not cached).
func TestEndToEnd(t *testing.T) {
	mode := os.Getenv(e2eVariable)
	if mode == "" {
		t.Skipf("skipped: it changes this machine; run it as root with %s=1 (or =router)", e2eVariable)
	}
	if os.Geteuid() != 0 {
		t.Fatalf("%s is set, but this is not root", e2eVariable)
	}
	c := &e2e{tool: filepath.Join(t.TempDir(), "cluster")}
	run(t, "go", "build", "-o", c.tool, ".")
	if out, code := c.try("status"); code == 0 {
		t.Fatalf("a cluster is up already; take it down first:\n%s", out)
	}
	c.run(t, "down")
	before := snapshot(t)
	t.Cleanup(func() { c.try("down") })

	up := []string{"up", "--nodes", "2"}
	if mode == "router" {
		up = append(up, "--router")
	}
	c.run(t, slices.Concat([]string{"build"}, routerFlag(mode))...)
	t.Run("up is quick with everything cached", func(t *testing.T) { c.bringUp(t, up) })
	t.Run("a second cluster is refused", c.secondRefused)
	t.Run("pods answer through ClusterIP and NodePort from both nodes", c.serve)
	if mode == "router" {
		t.Run("the router splits by HTTPRoute and by canary annotation", c.route)
	}
	t.Run("a cut node becomes NotReady and heals", c.cutAndHeal)
	t.Run("a stopped node boots again with its pods", c.stopAndStart)
	t.Run("the API server restarts", c.restartAPIServer)
	t.Run("down leaves nothing", func(t *testing.T) {
		c.run(t, "down")
		same(t, before)
		if out := c.run(t, "down"); !strings.Contains(out, "no cluster is up") {
			t.Errorf("a second down says %q", out)
		}
	})
	t.Run("a killed up is cleaned by down and by the next up", func(t *testing.T) { c.killed(t, up, before) })
	t.Run("an interrupted up cleans by itself", func(t *testing.T) { c.interrupted(t, up, before) })
}

func routerFlag(mode string) []string {
	if mode == "router" {
		return []string{"--router"}
	}
	return nil
}

func (c *e2e) bringUp(t *testing.T, up []string) {
	begin := time.Now()
	cmd := exec.Command(c.tool, up...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(begin)
	t.Logf("%s took %.1f s", strings.Join(up, " "), took.Seconds())
	if !slices.Contains(up, "--router") && took > 20*time.Second {
		t.Errorf("it took %v, want at most 20 s", took)
	}
	var status struct{ State, Kubectl, Kubeconfig string }
	if err := json.Unmarshal([]byte(c.run(t, "status", "-o", "json")), &status); err != nil {
		t.Fatal(err)
	}
	c.kubectl, c.kubeconfig = status.Kubectl, status.Kubeconfig
	if want := "export KUBECONFIG=" + c.kubeconfig + "\n"; string(out) != want || status.State != "up" {
		t.Errorf("state %q, standard output %q, want %q and %q", status.State, out, "up", want)
	}
}

func (c *e2e) secondRefused(t *testing.T) {
	out, code := c.try("up")
	if code != 1 || !strings.Contains(out, "a cluster is already up since") || !strings.Contains(out, "`cluster down`") {
		t.Errorf("exit code %d, %q", code, out)
	}
}

func (c *e2e) serve(t *testing.T) {
	program := filepath.Join(t.TempDir(), "web")
	cmd := exec.Command("go", "build", "-o", program, "./testdata/web")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c.run(t, "image", "load", "--name", "web:v1", "--binary", program)
	c.kube(t, "apply", "-f", "testdata/web.yaml")
	c.kube(t, "rollout", "status", "deployment/web", "--timeout=60s")
	for _, url := range []string{clusterIP, "http://10.200.1.2:30080/", "http://10.200.2.2:30080/"} {
		// kube-proxy writes its rules at most once a second.
		eventually(t, 10*time.Second, "pods of both nodes answer through "+url, func() bool {
			answers := collect(t, url, "", 40)
			return answers["node1"] > 0 && answers["node2"] > 0 && answers[""] == 0
		})
	}
	if out := c.kube(t, "logs", "deployment/web"); !strings.Contains(out, "listening") {
		t.Errorf("the pod's log is %q", out)
	}
	if out := c.kube(t, "exec", "deployment/web", "--", "/web", "hello"); !strings.Contains(out, "hello") {
		t.Errorf("a program run in the pod says %q", out)
	}
}

func (c *e2e) route(t *testing.T) {
	c.kube(t, "apply", "-f", "testdata/routes.yaml")
	c.kube(t, "rollout", "status", "deployment/stable", "--timeout=60s")
	c.kube(t, "rollout", "status", "deployment/canary", "--timeout=60s")
	for host, canary := range map[string]int{"weights.example.com": 20, "plain.example.com": 0, "canary.example.com": 30} {
		eventually(t, 20*time.Second, "the router answers for "+host, func() bool {
			answers := collect(t, routerURL, host, 4)
			return answers["stable"]+answers["canary"] == 4
		})
		answers := collect(t, routerURL, host, 100)
		t.Logf("%s: %v", host, answers)
		if got := answers["canary"]; got < canary-15 || got > canary+15 || canary == 0 && got > 0 || answers["stable"]+got != 100 {
			t.Errorf("%s: 100 requests went to %v, want about %d to canary", host, answers, canary)
		}
	}
}

func (c *e2e) cutAndHeal(t *testing.T) {
	c.run(t, "node", "cut", "node1")
	begin := time.Now()
	eventually(t, time.Minute, "node1 is NotReady", func() bool { return c.ready("node1") != "True" })
	t.Logf("NotReady after %.0f s", time.Since(begin).Seconds())
	// The endpoints of the node's pods go, and kube-proxy of node2, through which ClusterIPs lead now, follows.
	eventually(t, 30*time.Second, "node2 alone answers through the ClusterIP", func() bool {
		answers := collect(t, clusterIP, "", 20)
		return answers["node2"] == 20
	})
	if out := run(t, "ip", "route", "get", "10.200.1.2"); !strings.Contains(out, "sy-node1") {
		t.Errorf("packets to the cut node take the way %q", out)
	}
	if out, err := exec.Command("ip", "route", "get", "10.200.9.9").CombinedOutput(); err == nil {
		t.Errorf("packets to a node that does not exist take the way %q, want none", out)
	}
	c.run(t, "node", "heal", "node1")
	eventually(t, 30*time.Second, "node1 is Ready", func() bool { return c.ready("node1") == "True" })
	eventually(t, 30*time.Second, "both nodes answer again", func() bool {
		answers := collect(t, clusterIP, "", 40)
		return answers["node1"] > 0 && answers["node2"] > 0 && answers[""] == 0
	})
}

func (c *e2e) stopAndStart(t *testing.T) {
	c.run(t, "node", "stop", "node2")
	if out := c.run(t, "status"); strings.Contains(out, "node2/kubelet") {
		t.Errorf("status of a stopped node:\n%s", out)
	}
	if out := run(t, "ip", "netns", "list"); !strings.Contains(out, "switchyard-node2") {
		t.Errorf("the stopped node's network namespace is gone: %q", out)
	}
	c.run(t, "node", "start", "node2")
	eventually(t, 30*time.Second, "both nodes answer again", func() bool {
		answers := collect(t, clusterIP, "", 40)
		return answers["node1"] > 0 && answers["node2"] > 0 && answers[""] == 0
	})
}

func (c *e2e) restartAPIServer(t *testing.T) {
	if out := c.run(t, "apiserver", "restart"); !strings.Contains(out, "kube-apiserver was gone for") {
		t.Errorf("it says %q", out)
	}
	c.kube(t, "get", "nodes")
	if out := c.run(t, "logs", "kube-apiserver"); strings.Count(out, "Version:") == 0 {
		t.Errorf("the log has no start message in %d bytes", len(out))
	}
}

func (c *e2e) killed(t *testing.T, up []string, before string) {
	for _, after := range []time.Duration{100 * time.Millisecond, time.Second, 4 * time.Second} {
		cmd := c.background(t, up)
		time.Sleep(after)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if out, code := c.try("status"); code != 1 || !strings.Contains(out, "interrupted") {
			t.Errorf("status after a kill at %v: exit code %d\n%s", after, code, out)
		}
	}
	c.run(t, "down")
	same(t, before)
}

func (c *e2e) interrupted(t *testing.T, up []string, before string) {
	cmd := c.background(t, up)
	time.Sleep(2 * time.Second)
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	c.run(t, "down") // removes the kept logs
	same(t, before)
}

func (c *e2e) background(t *testing.T, args []string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(c.tool, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// try runs the tool and returns both its outputs and its exit code.
func (c *e2e) try(args ...string) (string, int) {
	cmd := exec.Command(c.tool, args...)
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

func (c *e2e) run(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, c.tool, args...)
}

func (c *e2e) kube(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, c.kubectl, append([]string{"--kubeconfig", c.kubeconfig}, args...)...)
}

func (c *e2e) ready(node string) string {
	out, _ := exec.Command(c.kubectl, "--kubeconfig", c.kubeconfig, "get", "node", node,
		"-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`).Output()
	return string(out)
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// collect sends requests on new connections and counts the answers by each line of theirs; "" counts those without.
func collect(t *testing.T, url, host string, count int) map[string]int {
	t.Helper()
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answers := map[string]int{}
	for range count {
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := client.Do(req)
		if err != nil {
			answers[""]++
			continue
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		for _, line := range strings.Fields(string(body)) {
			answers[line]++
		}
	}
	return answers
}

func eventually(t *testing.T, timeout time.Duration, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(timeout); !check(); time.Sleep(500 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", timeout, what)
		}
	}
}

// snapshot describes everything on the machine that a cluster could leave behind.
func snapshot(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	for _, cmd := range []string{
		"ip -4 route", "ip -6 route", "ip rule", "ip -br link", "ip -br -4 addr", "ip netns list", "iptables -S", "iptables -t nat -S",
		"cat /proc/sys/net/ipv4/ip_forward", "cat /proc/self/mounts",
		"find /sys/fs/cgroup -type d ( -name switchyard* -o -name kubepods* )",
		"ls -d /run /var/lib /var/lib/cni /var/lib/kubelet /run/containerd /run/switchyard-cluster /var/lib/switchyard-cluster",
	} {
		args := strings.Fields(cmd)
		// Of these some fail when there is nothing to list; what they print is the claim.
		out, _ := exec.Command(args[0], args[1:]...).CombinedOutput()
		fmt.Fprintf(&b, "$ %s\n%s\n", cmd, out)
	}
	fmt.Fprintf(&b, "processes\n%s\n", clusterProcesses(t))
	return b.String()
}

// clusterProcesses lists the processes that run a program of the cluster.
func clusterProcesses(t *testing.T) string {
	t.Helper()
	var found []string
	dirs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range dirs {
		data, _ := os.ReadFile(file)
		line := strings.ReplaceAll(string(data), "\x00", " ")
		if strings.Contains(line, "switchyard-cluster") && !strings.HasPrefix(line, "find ") {
			found = append(found, line)
		}
	}
	slices.Sort(found)
	return strings.Join(found, "\n")
}

// same compares the machine with a snapshot.
func same(t *testing.T, before string) {
	t.Helper()
	if after := snapshot(t); after != before {
		t.Errorf("the machine differs; before:\n%s\nafter:\n%s", before, after)
	}
}
