package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-switchyard/switchyard/pkg/load"
	"github.com/kubectl-switchyard/switchyard/scripts/e2e"
)

func TestMain(m *testing.M) { e2e.Main(m) }

const twoMaps = `
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: two}
`

const echo = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo}
spec:
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      containers:
      - name: app
        image: localhost/demoapp:v1
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec: {type: NodePort, selector: {app: echo}, ports: [{port: 80, targetPort: http}]}
`

func TestTrafficReachesPodsAndLossIsSeen(t *testing.T) {
	n := e2e.NewNamespace(t)
	n.Apply(echo)
	n.Rollout("deployment/echo")
	urls := []string{n.ClusterURL("echo"), n.NodeURL("echo")}
	n.AwaitAnswers(urls...)
	traffic := e2e.StartTraffic(t, load.Options{URL: urls[0], Rate: 50}, load.Options{URL: urls[1], Rate: 50}, load.Options{URL: urls[0], Rate: 50, KeepAlive: true})
	traffic.AwaitVersion("v1", 20, 10*time.Second)
	traffic.Snapshot().NoneLost(t)
	n.Kubectl("scale", "deployment/echo", "--replicas=0")
	n.Eventually(20*time.Second, "every meter loses requests", func() bool {
		return !slices.ContainsFunc(traffic.Snapshot(), func(r load.Report) bool { return r.Lost == 0 })
	})
	reports := traffic.Stop()
	if total := reports.Answers("v1") + reports.Lost(); total != reports.Sent() {
		t.Errorf("%d answered or lost of %d sent\n%v", total, reports.Sent(), reports)
	}
}

func TestProxyCountsWritesAndStreams(t *testing.T) {
	n := e2e.NewNamespace(t)
	var seen []string
	proxy := n.StartProxy(e2e.Hooks{
		Before:    func(c e2e.Call) { seen = append(seen, fmt.Sprintf("before %d", c.Write)) },
		Answered:  func(c e2e.Call) bool { seen = append(seen, fmt.Sprintf("answered %d", c.Write)); return true },
		Delivered: func(c e2e.Call) { seen = append(seen, fmt.Sprintf("delivered %d", c.Write)) },
	})
	watch := proxy.Start("get", "configmaps", "--watch-only", "-o", "name")
	n.Eventually(10*time.Second, "the watch is open", func() bool {
		return slices.ContainsFunc(proxy.Calls(), func(c e2e.Call) bool { return strings.Contains(c.Query, "watch=true") })
	})
	proxy.Apply(twoMaps)
	proxy.Kubectl("create", "configmap", "three", "--dry-run=server")
	if r := proxy.Try("create", "configmap", "two"); r.Code == 0 {
		t.Errorf("a second object of the same name was accepted\n%v", r)
	}
	if got, want := strings.Join(seen, ", "), "before 1, answered 1, delivered 1, before 2, answered 2, delivered 2, before 3"; got != want {
		t.Errorf("hooks: %s\nwant:  %s", got, want)
	}
	if writes := proxy.Writes(); len(writes) != 2 || writes[1].Method != "POST" || !strings.HasSuffix(writes[1].Path, "/configmaps") {
		t.Errorf("writes %+v, want two POSTs of configmaps", writes)
	}
	n.Eventually(10*time.Second, "the watch shows both", func() bool {
		return strings.Contains(watch.Stdout(), "configmap/one\nconfigmap/two\n")
	})
}

func TestRunKilled(t *testing.T) {
	for _, one := range []struct {
		name   string
		at     int
		loss   e2e.Loss
		killed bool
		left   string
	}{
		{"the first answer is lost", 1, e2e.AnswerLost, true, "one\n"},
		{"the first answer is delivered", 1, e2e.AnswerDelivered, true, "one\n"},
		{"there is no third write", 3, e2e.AnswerLost, false, "one\ntwo\n"},
	} {
		t.Run(one.name, func(t *testing.T) {
			n := e2e.NewNamespace(t)
			proxy := n.StartProxy(e2e.Hooks{})
			result, killed := proxy.RunKilled(one.at, one.loss, "apply", "-f", n.WriteFile("maps.yaml", twoMaps))
			if killed != one.killed || killed != (result.Code == -1) {
				t.Errorf("killed: %t, want %t\n%v", killed, one.killed, result)
			}
			left := n.Kubectl("get", "configmaps", "--field-selector=metadata.name!=kube-root-ca.crt", "-o", `jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}`)
			if one.loss == e2e.AnswerLost && left != one.left {
				t.Errorf("config maps %q, want %q", left, one.left)
			}
		})
	}
}

func TestAsRunsWithTheRightsOfAServiceAccount(t *testing.T) {
	n := e2e.NewNamespace(t)
	n.Kubectl("create", "serviceaccount", "reader")
	n.Kubectl("create", "role", "reader", "--verb=list", "--resource=configmaps")
	n.Kubectl("create", "rolebinding", "reader", "--role=reader", "--serviceaccount="+n.Name+":reader")
	reader := n.As("reader")
	reader.Kubectl("get", "configmaps")
	if r := reader.StartProxy(e2e.Hooks{}).Try("get", "secrets"); r.Code == 0 || !strings.Contains(r.Stderr, "forbidden") {
		t.Errorf("reading secrets must be forbidden\n%v", r)
	}
}
