package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-switchyard/switchyard/pkg/load"
	"github.com/kubectl-switchyard/switchyard/scripts/e2e"
)

// chaosVariable set to "long" runs the faults of this package at every write and in every form, and not only at the most
// dangerous ones.
const chaosVariable = "SWITCHYARD_CHAOS"

func long() bool { return os.Getenv(chaosVariable) == "long" }

// onlyLong skips what the short form leaves out.
func onlyLong(t *testing.T) {
	t.Helper()
	if !long() {
		t.Skipf("part of the long form only; set %s=long, as make chaos does", chaosVariable)
	}
}

// lone is an application that knows no slots, behind two Services. It starts within a second and drains itself.
const lone = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello, labels: {app: hello}}
spec:
  replicas: 2
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      containers:
      - name: app
        image: localhost/demoapp:v1
        env: [{name: LATENCY, value: 50ms}, {name: STARTUP, value: 1s}, {name: DRAIN_DELAY, value: 3s}]
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: hello}
spec: {selector: {app: hello}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: hello-np}
spec: {type: NodePort, selector: {app: hello}, ports: [{name: http, port: 80, targetPort: http}]}
`

// guarded is the same in slot blue, scaled by an HPA that has no metrics and guarded by a PDB. The HPA's own minimum is
// below the present size.
var guarded = strings.NewReplacer("name: hello, labels: {app: hello}}", "name: hello-blue}", "app: hello}", "app: hello, slot: blue}").Replace(lone) + `
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
spec: {maxUnavailable: 1, selector: {matchLabels: {app: hello, slot: blue}}}
`

// startLight applies the YAML of an application behind hello and hello-np and puts light traffic on both: new connections
// to each, and some that persist.
func startLight(t *testing.T, yaml string) (*e2e.Namespace, *e2e.Traffic) {
	t.Helper()
	n := e2e.NewNamespace(t)
	n.Apply(yaml)
	name := strings.TrimSpace(n.Kubectl("get", "deployments", "-o", "name"))
	n.Rollout(name)
	cluster, node := n.ClusterURL("hello"), n.NodeURL("hello-np")
	n.AwaitAnswers(cluster, node)
	return n, e2e.StartTraffic(t, load.Options{URL: cluster, Rate: 40}, load.Options{URL: node, Rate: 40}, load.Options{URL: cluster, Rate: 20, KeepAlive: true, Connections: 4})
}

// bluegreen returns the arguments of kubectl for one verb on hello.
func bluegreen(verb string, args ...string) []string {
	return append([]string{"bluegreen", verb, "hello"}, args...)
}

// statusOf is what status -o json tells, as far as the tests look at it.
type statusOf struct {
	Active  string `json:"active"`
	SlotKey string `json:"slotKey"`
	Release *struct {
		ID     string `json:"id"`
		Phase  string `json:"phase"`
		Reason string `json:"reason"`
	} `json:"release"`
	Slots []struct {
		Value      string            `json:"value"`
		Deployment string            `json:"deployment"`
		Active     bool              `json:"active"`
		Images     map[string]string `json:"images"`
		Desired    int               `json:"desired"`
		Ready      int               `json:"ready"`
		Available  int               `json:"available"`
	} `json:"slots"`
	Services []struct {
		Name  string `json:"name"`
		Slot  string `json:"slot"`
		Role  string `json:"role"`
		Ports []struct {
			Ready int `json:"ready"`
		} `json:"ports"`
	} `json:"services"`
	Lock *struct {
		Name    string `json:"name"`
		Expired bool   `json:"expired"`
	} `json:"lock"`
	Warnings []string `json:"warnings"`
}

func readStatus(t testing.TB, n *e2e.Namespace) statusOf {
	t.Helper()
	var s statusOf
	if err := json.Unmarshal([]byte(n.Want(0, bluegreen("status", "-o", "json")...).Stdout), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// seen is the same told by kubectl alone, one line for each fact.
func seen(t testing.TB, n *e2e.Namespace, slotKey string) []string {
	t.Helper()
	lines := func(kind, columns string) []string {
		out := n.Kubectl("get", kind, "--no-headers", "-o", "custom-columns="+columns)
		var all []string
		for line := range strings.Lines(out) {
			all = append(all, strings.ReplaceAll(strings.Join(strings.Fields(line), " "), "<none>", "0"))
		}
		return all
	}
	facts := lines("services", "K:.kind,NAME:.metadata.name,SLOT:.spec.selector."+slotKey)
	facts = append(facts, lines("deployments", "K:.kind,NAME:.metadata.name,D:.spec.replicas,R:.status.readyReplicas,A:.status.availableReplicas")...)
	facts = append(facts, lines("leases", "K:.kind,HOLDER:.spec.holderIdentity")...)
	var slices endpointSlices
	n.Get("endpointslices", &slices)
	for service, ready := range slices.ready() {
		facts = append(facts, fmt.Sprintf("Endpoints %s %d", service, ready))
	}
	return sorted(facts)
}

// endpointSlices is a list of EndpointSlices.
type endpointSlices struct {
	Items []struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
		Endpoints []struct {
			Conditions struct {
				Ready bool `json:"ready"`
			} `json:"conditions"`
		} `json:"endpoints"`
	} `json:"items"`
}

// ready counts the ready endpoints of each Service.
func (s endpointSlices) ready() map[string]int {
	ready := map[string]int{}
	for _, slice := range s.Items {
		name := slice.Metadata.Labels["kubernetes.io/service-name"]
		ready[name] += 0
		for _, endpoint := range slice.Endpoints {
			if endpoint.Conditions.Ready {
				ready[name]++
			}
		}
	}
	return ready
}

// told is what seen sees, as status tells it.
func (s statusOf) told() []string {
	var facts []string
	for _, service := range s.Services {
		slot := service.Slot
		if slot == "" {
			slot = "0"
		}
		facts = append(facts, fmt.Sprintf("Service %s %s", service.Name, slot), fmt.Sprintf("Endpoints %s %d", service.Name, service.Ports[0].Ready))
	}
	for _, slot := range s.Slots {
		facts = append(facts, fmt.Sprintf("Deployment %s %d %d %d", slot.Deployment, slot.Desired, slot.Ready, slot.Available))
	}
	if s.Lock != nil {
		facts = append(facts, "Lease "+s.Lock.Name)
	}
	return sorted(facts)
}

func sorted(facts []string) []string {
	slices.Sort(facts)
	return facts
}

// statusIsTrue fails the test unless status tells what kubectl shows: the slot of every Service, its endpoints, the sizes,
// and who holds the lock. It looks until nothing changes between two looks of kubectl. The active slot is the one that all
// Services select, and empty while they disagree.
func statusIsTrue(t testing.TB, n *e2e.Namespace) statusOf {
	t.Helper()
	var s statusOf
	var shown []string
	n.Eventually(20*time.Second, "the cluster rests while status looks at it", func() bool {
		before := seen(t, n, "slot")
		s = readStatus(t, n)
		shown = seen(t, n, "slot")
		return slices.Equal(before, shown)
	})
	if told := s.told(); !slices.Equal(told, shown) {
		t.Errorf("status tells\n  %s\nkubectl shows\n  %s", strings.Join(told, "\n  "), strings.Join(shown, "\n  "))
	}
	selected := map[string]bool{}
	for _, service := range s.Services {
		if service.Role == "released" {
			selected[service.Slot] = true
		}
	}
	if active := slices.Collect(maps.Keys(selected)); len(active) == 1 && active[0] != "" && s.Active != active[0] || len(active) > 1 && !selected[""] && s.Active != "" {
		t.Errorf("status tells that %q is active; the Services select %q", s.Active, active)
	}
	return s
}

// writeName names a write for people, such as "PATCH services hello" or "POST deployments".
func writeName(c e2e.Call) string {
	parts := strings.Split(c.Path, "/")
	if c.Method == "POST" {
		return c.Method + " " + path.Base(c.Path)
	}
	return c.Method + " " + strings.Join(parts[len(parts)-2:], " ")
}

// numbered returns a function that names each write as writeName does, with the number of its occurrence.
func numbered() func(e2e.Call) string {
	times := map[string]int{}
	return func(c e2e.Call) string {
		name := writeName(c)
		times[name]++
		return fmt.Sprintf("%s #%d", name, times[name])
	}
}

// restored fails the test unless nothing of a release is left that must not outlive it: a lock, the settings of a held
// update, a held minimum of the HPA of the serving side.
func restored(t testing.TB, n *e2e.Namespace) {
	t.Helper()
	n.Eventually(20*time.Second, "the lock is given back; one that a dead client left is seen to be expired", func() bool {
		lock := readStatus(t, n).Lock
		return lock == nil || lock.Expired
	})
	if held := n.Kubectl("get", "deployments", "-o", `jsonpath={.items[*].metadata.annotations.kubectl-switchyard\.github\.io/held}`); held != "" {
		t.Errorf("a Deployment is still held: %s", held)
	}
	side := active(n, "slot")
	if hpa := n.Try("get", "hpa", "hello-"+side, "-o", `jsonpath={.spec.minReplicas} {.metadata.annotations.kubectl-switchyard\.github\.io/min-replicas}`); hpa.Code == 0 && hpa.Stdout != "1 " {
		t.Errorf("the minimum of the HPA of side %s, which serves, is %q, want its own, 1", side, hpa.Stdout)
	}
}
