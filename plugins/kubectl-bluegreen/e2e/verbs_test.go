package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/e2e"
)

// startPair brings blue and green up.
func startPair(t *testing.T, yaml string) *e2e.Namespace {
	t.Helper()
	n := e2e.NewNamespace(t)
	n.Apply(yaml)
	for _, deployment := range strings.Fields(n.Kubectl("get", "deployments", "-o", "name")) {
		n.Rollout(deployment)
	}
	return n
}

// document runs a verb with -o json and decodes what it prints.
func document[T any](t *testing.T, n *e2e.Namespace, args ...string) T {
	t.Helper()
	var doc T
	out := n.Kubectl(append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return doc
}

// The documents of -o json, as far as the tests read them.
type (
	status struct {
		APIVersion, Kind, Active string
		Slots                    []struct {
			Value, Deployment string
			Active            bool
			Desired           int
			Available         int
		}
		Services []struct {
			Name, Slot, Role string
			Ports            []struct {
				Name  string
				Ready int
			}
		}
		Release *struct{ Operation, Phase, From, To string }
		Lock    *struct{ Name string }
	}
	outcome struct {
		APIVersion, Kind, Operation, Result, Active, From, To string
		Services                                              []string
		Steps                                                 []struct {
			Step    string
			Seconds float64
		}
	}
	history struct {
		APIVersion, Kind string
		Releases         []struct{ Operation, Result, From, To, By string }
	}
)

// past returns the history as "operation result from>to", newest first.
func past(t *testing.T, n *e2e.Namespace) string {
	t.Helper()
	var lines []string
	for _, r := range document[history](t, n, "bluegreen", "history", "hello").Releases {
		lines = append(lines, r.Operation+" "+r.Result+" "+r.From+">"+r.To)
	}
	return strings.Join(lines, ", ")
}

// confirm runs a verb, which must succeed and print the one line.
func confirm(t *testing.T, n *e2e.Namespace, want string, args ...string) {
	t.Helper()
	if got := n.Want(0, append([]string{"bluegreen"}, args...)...); got.Stdout != want {
		t.Errorf("%v\nwant stdout\n%s", got, want)
	}
}

// repeat runs a verb whose job is done: it must succeed, write nothing, and say why on stderr.
func repeat(t *testing.T, n *e2e.Namespace, want string, args ...string) {
	t.Helper()
	proxy := n.StartProxy(e2e.Hooks{})
	got := proxy.Want(0, append([]string{"bluegreen"}, args...)...)
	if len(proxy.Writes()) > 0 || got.Stdout != "" || !strings.Contains(got.Stderr, want) {
		t.Errorf("%v\nwant no stdout, %q on stderr and no writes, got writes %+v", got, want, proxy.Writes())
	}
}

func TestReleaseByHandAndEveryVerbTwice(t *testing.T) {
	t.Parallel()
	n := startPair(t, blue)
	image := e2e.Image("v2")
	confirm(t, n, "deployment.apps/hello-green prepared in slot green; service hello still selects blue\n", "prepare", "hello", "--image", image, "--yes")
	confirm(t, n, "deployment.apps/hello-green prepared in slot green; service hello still selects blue\n", "prepare", "hello", "--image", image, "--yes")
	s := document[status](t, n, "bluegreen", "status", "hello")
	if s.APIVersion != "switchyard/v1" || s.Kind != "BlueGreenStatus" || s.Active != "blue" || len(s.Slots) != 2 || s.Slots[1].Available != 2 || s.Slots[1].Active ||
		s.Release == nil || s.Release.Phase != "WaitingAtGate" {
		t.Errorf("status after prepare: %+v", s)
	}

	moved := document[outcome](t, n, "bluegreen", "switch", "hello", "--yes")
	if moved.APIVersion != "switchyard/v1" || moved.Kind != "BlueGreenResult" || moved.Result != "done" || moved.From != "blue" || moved.To != "green" || len(moved.Steps) < 2 {
		t.Errorf("result of switch: %+v", moved)
	}
	repeat(t, n, "service hello was switched from blue to green by ", "switch", "hello", "--yes")
	repeat(t, n, "service hello selects version=green already", "switch", "hello", "--to", "green", "--yes")
	if s := document[status](t, n, "bluegreen", "status", "hello"); s.Active != "green" || len(s.Services) != 1 || s.Services[0].Slot != "green" || s.Services[0].Ports[0].Ready != 2 {
		t.Errorf("status after the switch: %+v", s)
	}

	confirm(t, n, "service/hello rolled back to version=blue (deployment hello-blue)\n", "rollback", "hello", "--yes")
	repeat(t, n, "service hello was rolled back to version=blue by ", "rollback", "hello", "--yes")
	confirm(t, n, "service/hello switched to version=green (deployment hello-green)\n", "switch", "hello", "--to", "green", "--yes")

	confirm(t, n, "service/hello finished: only version=green (deployment hello-green) is left\n", "finish", "hello", "--yes")
	repeat(t, n, "service hello: no side without traffic has any pods", "finish", "hello", "--yes")
	repeat(t, n, "service hello: no release is in progress; it is on version=green (deployment hello-green)", "abort", "hello", "--yes")
	if replicas := n.Field("deployment/hello-blue", "{.spec.replicas}"); replicas != "0" {
		t.Errorf("the old side has %s replicas", replicas)
	}
	// The old side is at 0: it comes back to full size before it gets the traffic.
	confirm(t, n, "service/hello rolled back to version=blue (deployment hello-blue)\n", "rollback", "hello", "--to", "blue", "--yes")
	if s := document[status](t, n, "bluegreen", "status", "hello"); s.Active != "blue" || s.Slots[0].Available != 2 || s.Lock != nil {
		t.Errorf("status after the last rollback: %+v", s)
	}
	if got, want := past(t, n), "rollback done green>blue, finish done blue>green, switch done blue>green, rollback done green>blue, switch done blue>green"; got != want {
		t.Errorf("history %s\nwant    %s", got, want)
	}
}

func TestGateAndItsApproval(t *testing.T) {
	t.Parallel()
	n := startPair(t, blue)
	run := []string{"bluegreen", "run", "hello", "--image", e2e.Image("v2"), "--gate=manual", "--soak=1s", "--yes"}
	at := n.Want(3, run...)
	if !strings.Contains(at.Stderr, "waits at its gate: the new side is up, the traffic is on version=blue; go on with kubectl bluegreen run hello --approve") {
		t.Errorf("%v", at)
	}
	for _, again := range [][]string{run, {"bluegreen", "run", "hello", "--yes"}} {
		if got := n.Want(3, again...); got.Stdout != "" {
			t.Errorf("%v", got)
		}
	}
	n.Want(5, "bluegreen", "switch", "hello", "--yes")
	n.Want(5, "bluegreen", "finish", "hello", "--yes")
	if got := n.Want(5, "bluegreen", "run", "hello", "--image", e2e.Image("v3"), "--yes"); !strings.Contains(got.Stderr, "is in progress with other images (app=localhost/demoapp:v2)") {
		t.Errorf("%v", got)
	}
	if s := document[status](t, n, "bluegreen", "status", "hello"); s.Active != "blue" || s.Release == nil || s.Release.Phase != "WaitingAtGate" {
		t.Errorf("status at the gate: %+v", s)
	}
	n.Want(0, "bluegreen", "run", "hello", "--approve", "--yes")
	repeat(t, n, "is done: service hello is on version=green (deployment hello-green)", "run", "hello", "--approve", "--yes")
	repeat(t, n, "is done: service hello is on version=green (deployment hello-green)", "run", "hello", "--image", e2e.Image("v2"), "--yes")
	if got, want := past(t, n), "run done blue>green"; got != want || active(n, "version") != "green" {
		t.Errorf("history %s, want %s; active %s", got, want, active(n, "version"))
	}
}

func TestAbortBeforeTheSwitch(t *testing.T) {
	t.Parallel()
	n := startPair(t, blue)
	n.Want(3, "bluegreen", "run", "hello", "--image", e2e.Image("v2"), "--gate=manual", "--yes")
	confirm(t, n, "service/hello aborted: it is on version=blue (deployment hello-blue)\n", "abort", "hello", "--delete", "--yes")
	if left := n.Kubectl("get", "deployments,leases", "-o", "name"); left != "deployment.apps/hello-blue\n" {
		t.Errorf("left behind: %s", left)
	}
	if got, want := past(t, n), "abort aborted blue>green"; got != want || active(n, "version") != "blue" {
		t.Errorf("history %s, want %s; active %s", got, want, active(n, "version"))
	}
}

func TestAbortAfterTheSwitch(t *testing.T) {
	t.Parallel()
	n := startPair(t, blue)
	run := n.Start("bluegreen", "run", "hello", "--image", e2e.Image("v2"), "--soak=5m", "--yes")
	run.AwaitStderr("] watch the pods of hello-green", time.Minute)
	run.Kill()
	run.Wait()
	if s := document[status](t, n, "bluegreen", "status", "hello"); s.Active != "green" || s.Release == nil || s.Release.Phase != "Soaking" || s.Lock == nil {
		t.Errorf("status after the kill: %+v", s)
	}
	confirm(t, n, "service/hello aborted: it is on version=blue (deployment hello-blue)\n", "abort", "hello", "--take-lock", "--yes")
	if replicas := n.Field("deployment/hello-green", "{.spec.replicas}"); active(n, "version") != "blue" || replicas != "0" {
		t.Errorf("active %s, green has %s replicas", active(n, "version"), replicas)
	}
	repeat(t, n, "no release is in progress", "abort", "hello", "--yes")
	if got := past(t, n); !strings.HasPrefix(got, "abort aborted ") {
		t.Errorf("history %s", got)
	}
}

func TestClientDryRunPrintsWhatGitNeeds(t *testing.T) {
	t.Parallel()
	n := startPair(t, blue)
	proxy := n.StartProxy(e2e.Hooks{})
	plan := proxy.Want(0, "bluegreen", "run", "hello", "--image", e2e.Image("v2"), "--dry-run=client")
	if !strings.HasSuffix(plan.Stdout, "(dry run)\n") || !strings.Contains(plan.Stdout, "create deployment hello-green with 2 replicas of app=localhost/demoapp:v2") {
		t.Errorf("%v", plan)
	}
	yaml := proxy.Kubectl("bluegreen", "run", "hello", "--image", e2e.Image("v2"), "--dry-run=client", "-o", "yaml")
	if writes := proxy.Writes(); len(writes) > 0 {
		t.Errorf("a client dry run wrote %+v", writes)
	}
	for _, forbidden := range []string{"resourceVersion", "uid:", "status:", "creationTimestamp", "last-applied", "clusterIP:"} {
		if strings.Contains(yaml, forbidden) {
			t.Errorf("%q is not fit for Git:\n%s", forbidden, yaml)
		}
	}
	n.Apply(yaml)
	n.Rollout("deployment/hello-green")
	if image, slot := n.Field("deployment/hello-green", "{.spec.template.spec.containers[0].image}"), active(n, "version"); image != e2e.Image("v2") || slot != "green" {
		t.Errorf("applied, it gives image %s and slot %s", image, slot)
	}
}

func TestServerDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, yaml, command, stdout string }{
		{"run of a new side", blue, "run hello --image localhost/demoapp:v2",
			"service/hello released: app=localhost/demoapp:v2 on version=green (deployment hello-green); deployment hello-blue is kept at full size for the way back, until kubectl bluegreen finish hello (server dry run)\n"},
		{"run with adoption", strings.ReplaceAll(hello, "STARTUP, value: 4s", "STARTUP, value: 0s"), "run hello --image localhost/demoapp:v2 --keep-old=0s",
			"service/hello, service/hello-np released: app=localhost/demoapp:v2 on slot=green (deployment hello-green) (server dry run)\n"},
		{"prepare of a side that is there", blue + "---" + green, "prepare hello --image localhost/demoapp:v3",
			"deployment.apps/hello-green prepared in slot green; service hello still selects blue (server dry run)\n"},
		{"switch", blue + "---" + green, "switch hello", "service/hello switched to version=green (deployment hello-green) (server dry run)\n"},
		{"finish", blue + "---" + green, "finish hello", "service/hello finished: only version=blue (deployment hello-blue) is left (server dry run)\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := startPair(t, c.yaml)
			before := objects(n)
			proxy := n.StartProxy(e2e.Hooks{})
			got := proxy.Try(append([]string{"bluegreen", "--dry-run=server"}, strings.Fields(c.command)...)...)
			if got.Code != 0 || got.Stdout != c.stdout {
				t.Errorf("%v\nwant exit code 0 and stdout\n%s", got, c.stdout)
			}
			if writes := proxy.Writes(); len(writes) > 0 {
				t.Errorf("it wrote %+v", writes)
			}
			if after := objects(n); after != before {
				t.Errorf("the cluster was changed; before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

func TestStatusListsAndWatches(t *testing.T) {
	t.Parallel()
	n := startPair(t, blue+"---"+green)
	want := `SERVICE   ACTIVE   SINCE       READY   IMAGES                     IDLE    IDLE-READY   PHASE   WARNINGS
hello     blue     <unknown>   2/2     app=localhost/demoapp:v1   green   2/2          -       0
`
	confirm(t, n, want, "status")
	confirm(t, n, "service/hello\n", "status", "-o", "name")
	list := document[struct {
		Kind  string
		Items []struct{ Namespace, Service, Active string }
	}](t, n, "bluegreen", "status", "--all-namespaces")
	if list.Kind != "BlueGreenStatusList" || !slices.ContainsFunc(list.Items, func(one struct{ Namespace, Service, Active string }) bool {
		return one.Namespace == n.Name && one.Service == "hello" && one.Active == "blue"
	}) {
		t.Errorf("all namespaces: %+v", list)
	}

	watch := n.Start("bluegreen", "status", "hello", "--watch")
	shows := func(line string) func() bool {
		return func() bool { return strings.Contains(watch.Stdout(), line) }
	}
	n.Eventually(10*time.Second, "the watch shows blue", shows("hello: version=blue, blue 2/2, green 2/2\n"))
	n.Want(0, "bluegreen", "switch", "hello", "--yes")
	n.Eventually(10*time.Second, "the watch shows green", shows("hello: version=green, blue 2/2, green 2/2, release "))
	watch.Signal(os.Interrupt)
	if got := watch.Wait(); got.Code != 130 {
		t.Errorf("%v\nwant exit code 130", got)
	}
}

const twoPorts = `
---
apiVersion: v1
kind: Service
metadata: {name: hello-two}
spec:
  selector: {app: hello, version: blue}
  ports: [{name: first, port: 80, targetPort: http}, {name: second, port: 81, targetPort: admin}]
---
apiVersion: v1
kind: Service
metadata: {name: hello-headless}
spec: {clusterIP: None, selector: {app: hello, version: blue}, ports: [{name: http, port: 8080, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: everything}
spec: {selector: {app: hello}, ports: [{port: 80, targetPort: http}]}
`

// Every Service of the active side moves with the one that was named, on all its ports; one that selects both sides stays
// as it is, and keeps the old side from being ended.
func TestSeveralServicesMoveTogether(t *testing.T) {
	t.Parallel()
	two := func(yaml string) string {
		return changed(t, yaml, "ports: [{name: http, containerPort: 8080}]",
			"env: [{name: PORTS, value: 'http=8080,admin=8081'}]\n        ports: [{name: http, containerPort: 8080}, {name: admin, containerPort: 8081}]")
	}
	n := startPair(t, two(blue)+"---"+two(green)+twoPorts)
	got := n.Want(0, "bluegreen", "switch", "hello", "--yes")
	if want := "service/hello, service/hello-headless, service/hello-two switched to version=green (deployment hello-green)\n"; got.Stdout != want {
		t.Errorf("%v\nwant stdout %s", got, want)
	}
	for _, want := range []string{"service hello-headless is headless: clients that keep the addresses they once resolved stay on the old pods",
		"service everything selects both slots (app=hello): it is not switched"} {
		if !strings.Contains(got.Stderr, want) {
			t.Errorf("no %q in\n%v", want, got)
		}
	}
	first := n.ClusterURL("hello-two")
	for _, url := range []string{n.ClusterURL("hello"), first, strings.Replace(first, ":80/", ":81/", 1)} {
		n.AwaitAnswers(url)
		n.Eventually(10*time.Second, url+" leads to v2", func() bool { return versionAt(url) == "v2" })
	}
	pods := n.Kubectl("get", "pods", "-l", "version=green", "-o", `jsonpath={range .items[*]}{.status.podIP}{"\n"}{end}`)
	for _, address := range strings.Fields(n.Kubectl("get", "endpointslices", "-l", "kubernetes.io/service-name=hello-headless", "-o",
		`jsonpath={range .items[*].endpoints[*]}{.addresses[0]}{"\n"}{end}`)) {
		if !strings.Contains(pods, address+"\n") {
			t.Errorf("the headless Service has the address %s, which is no pod of green (%s)", address, pods)
		}
	}
	if left := n.Want(5, "bluegreen", "finish", "hello", "--yes"); !strings.Contains(left.Stderr, "deployment hello-blue still gets traffic from service everything") {
		t.Errorf("%v", left)
	}
	confirm(t, n, "service/hello finished: only version=green (deployment hello-green) is left\n", "finish", "hello", "--ignore-service=everything", "--yes")
}

// versionAt returns the version that answers a URL, "" for none.
func versionAt(url string) string {
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.Header.Get("X-Version")
}

const companions = `
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: hello-blue}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: hello-blue}
  minReplicas: 1
  maxReplicas: 5
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: hello-blue}
spec: {minAvailable: 1, selector: {matchLabels: {app: hello, version: blue}}}
`

// The new side gets an HPA and a PDB of its own, and a preview when asked for; they go with it.
func TestCompanionsAndPreview(t *testing.T) {
	t.Parallel()
	n := startPair(t, blue+companions)
	n.Want(0, "bluegreen", "prepare", "hello", "--image", e2e.Image("v2"), "--preview", "--yes")
	preview := n.ClusterURL("hello-preview")
	n.AwaitAnswers(preview, n.ClusterURL("hello"))
	if shown, live := versionAt(preview), versionAt(n.ClusterURL("hello")); shown != "v2" || live != "v1" {
		t.Errorf("the preview shows %q and the Service %q, want v2 and v1", shown, live)
	}
	if floor, budget := n.Field("hpa/hello-green", "{.spec.minReplicas}/{.spec.scaleTargetRef.name}"), n.Field("pdb/hello-green", "{.spec.selector.matchLabels.version}"); floor != "2/hello-green" || budget != "green" {
		t.Errorf("HPA %s, PDB for %s; want one held at the size of the active side, and one for green", floor, budget)
	}
	n.Want(0, "bluegreen", "switch", "hello", "--yes")
	if floors := n.Field("hpa/hello-green", "{.spec.minReplicas}") + n.Field("hpa/hello-blue", "{.spec.minReplicas}"); floors != "12" {
		t.Errorf("minReplicas of green and blue are %q, want 1, its own again, and 2, held at full size", floors)
	}
	n.Want(0, "bluegreen", "rollback", "hello", "--yes")
	n.Want(0, "bluegreen", "finish", "hello", "--delete", "--yes")
	if left := n.Kubectl("get", "deployments,hpa,pdb,services,leases", "-o", "name"); left != "deployment.apps/hello-blue\nhorizontalpodautoscaler.autoscaling/hello-blue\npoddisruptionbudget.policy/hello-blue\nservice/hello\n" {
		t.Errorf("left:\n%s", left)
	}
	if floor := n.Field("hpa/hello-blue", "{.spec.minReplicas}"); floor != "1" {
		t.Errorf("the HPA of the active side has minReplicas %s, want its own 1", floor)
	}
}

// The new Deployment may come from the user's own files.
func TestRunWithAManifest(t *testing.T) {
	t.Parallel()
	n := startPair(t, blue)
	if got := n.TryInput(changed(t, green, "replicas: 2", "replicas: 1"), "bluegreen", "run", "hello", "-f", "-", "--soak=1s", "--yes"); got.Code != 0 {
		t.Fatalf("%v", got)
	}
	if size := n.Field("deployment/hello-green", "{.spec.replicas}"); active(n, "version") != "green" || size != "2" {
		t.Errorf("active %s, green has %s replicas; want green, with the 2 of the active side and not the 1 of the manifest", active(n, "version"), size)
	}

	n.Want(0, "bluegreen", "rollback", "hello", "--yes")
	third := changed(t, green, e2e.Image("v2"), e2e.Image("v3"))
	var pods [2]string
	for i := range pods {
		if got := n.TryInput(third, "bluegreen", "prepare", "hello", "-f", "-", "--yes"); got.Code != 0 {
			t.Fatalf("%v", got)
		}
		pods[i] = n.Kubectl("get", "pods", "-l", "version=green", "--field-selector=status.phase=Running", "-o", "jsonpath={range .items[?(@.spec.containers[0].image=='"+e2e.Image("v3")+"')]}{.metadata.uid} {end}")
	}
	if pods[0] != pods[1] || pods[0] == "" {
		t.Errorf("a repeat with the same manifest replaced the pods %q by %q", pods[0], pods[1])
	}
	if got := n.TryInput(third, "bluegreen", "run", "hello", "-f", "-", "--gate=manual", "--soak=1s", "--yes"); got.Code != 3 {
		t.Fatalf("%v", got)
	}
	n.Want(0, "bluegreen", "run", "hello", "--approve", "--yes") // without the manifest
	if image := n.Field("deployment/hello-green", "{.spec.template.spec.containers[0].image}"); active(n, "version") != "green" || image != e2e.Image("v3") {
		t.Errorf("active %s, green runs %s", active(n, "version"), image)
	}
}
