package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/output"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

func TestResultFormats(t *testing.T) {
	tests := []struct {
		name   string
		result result
		format string
		want   string
	}{
		{"a sentence", result{Operation: "switch", Result: resultDone, Services: []string{"hello"}, text: "service/hello switched to slot=green"}, "", "service/hello switched to slot=green\n"},
		{"none of its own", result{Operation: "finish", Result: resultDone, Services: []string{"hello", "hello-np"}}, "", "service/hello, service/hello-np: finish done\n"},
		{"of a server dry run", result{Operation: "switch", Result: resultDone, Services: []string{"hello"}, DryRun: "server", text: "service/hello switched"}, "", "service/hello switched (server dry run)\n"},
		{"nothing changed", result{Operation: "abort", Result: resultUnchanged, Services: []string{"hello"}, Reason: "no release is in progress"}, "", ""},
		{"by name", result{Operation: "switch", Result: resultDone, Services: []string{"hello", "hello-np"}}, "name", "service/hello\nservice/hello-np\n"},
		{"a hostile image", result{Operation: "run", Result: resultDone, Services: []string{"hello"}, text: "service/hello released: app=\x1b[2Jx"}, "", "service/hello released: app=^[[2Jx\n"},
		{"as a document", result{Operation: "run", Result: resultFailed, Namespace: "shop", Services: []string{"hello"}, SlotKey: "slot", From: "blue", To: "green", Active: "blue",
			Release: "4a3ca920", Reason: "no image", Seconds: 1.5, Steps: []release.Timing{{Step: "journal", Seconds: 0.5}}}, "yaml", `apiVersion: switchyard/v1
kind: BlueGreenResult
active: blue
from: blue
namespace: shop
operation: run
reason: no image
release: 4a3ca920
result: failed
seconds: 1.5
services:
- hello
slotKey: slot
steps:
- seconds: 0.5
  step: journal
to: green
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantText(t, printed(t, &test.result, output.Flags{Format: test.format}), test.want)
		})
	}
}

func TestServicesForGit(t *testing.T) {
	c := readCluster(t, `
kind: Service
metadata:
  name: hello
  uid: u1
  resourceVersion: "7"
  creationTimestamp: "2026-11-22T03:00:00Z"
  labels: {team: shop}
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{}'
    kubectl-switchyard.github.io/history: '[]'
    team: shop
spec:
  type: NodePort
  clusterIP: 10.96.0.7
  clusterIPs: [10.96.0.7]
  selector: {app: hello, slot: blue}
  ports: [{name: http, port: 80, targetPort: web, nodePort: 30080}]
status: {loadBalancer: {}}
---
kind: Service
metadata: {name: hello-peers}
spec: {clusterIP: None, clusterIPs: [None], selector: {app: hello, slot: blue}, ports: [{port: 80, targetPort: 8080}]}
---
`+helloBlue+helloGreen)
	p := c.pairOf(t, "hello", "")
	objects := offline().servicesForGit(p, move{key: "slot", to: "green"})
	var out strings.Builder
	if err := printObjects(&out, output.FormatYAML, objects); err != nil {
		t.Fatal(err)
	}
	wantText(t, out.String(), `apiVersion: v1
kind: Service
metadata:
  annotations:
    team: shop
  labels:
    team: shop
  name: hello
  namespace: shop
spec:
  ports:
  - name: http
    nodePort: 30080
    port: 80
    targetPort: web
  selector:
    app: hello
    slot: green
  type: NodePort
---
apiVersion: v1
kind: Service
metadata:
  name: hello-peers
  namespace: shop
spec:
  clusterIP: None
  ports:
  - port: 80
    targetPort: 8080
  selector:
    app: hello
    slot: green
`)
	if p.Primary.Spec.Selector["slot"] != "blue" || p.Primary.Spec.ClusterIP != "10.96.0.7" {
		t.Errorf("the live Service was changed: %+v", p.Primary.Spec)
	}
}

func TestPrintObjectsAsJSON(t *testing.T) {
	var out strings.Builder
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "hello"}}}
	if err := printObjects(&out, output.FormatJSON, []*unstructured.Unstructured{object}); err != nil {
		t.Fatal(err)
	}
	wantText(t, out.String(), `{
    "apiVersion": "v1",
    "items": [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": "hello"
            }
        }
    ],
    "kind": "List"
}
`)
	if err := printObjects(brokenPipe{}, output.FormatYAML, []*unstructured.Unstructured{object}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("on a closed pipe: got %v", err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestGitOpsRefusal(t *testing.T) {
	const argo = "kind: Service\nmetadata: {name: hello, annotations: {argocd.argoproj.io/tracking-id: x}}\nspec: {selector: {app: hello, slot: blue}}\n---\n"
	const refused = "service hello is managed by Argo CD (annotation argocd.argoproj.io/tracking-id=x), which would put its selector back; commit this change instead, or pass --allow-gitops: spec.selector.slot: green"
	tests := []struct {
		name, objects string
		allowed       bool
		dryRun        cli.DryRun
		want          string
	}{
		{"by nobody", helloService, false, cli.DryRunNone, ""},
		{"by Argo CD", argo, false, cli.DryRunNone, refused},
		{"by Argo CD, allowed", argo, true, cli.DryRunNone, ""},
		{"by Argo CD, to print the change for Git", argo, false, cli.DryRunClient, ""},
		{"by Argo CD, checked by the server", argo, false, cli.DryRunServer, refused},
		{"the second of two, by a field manager", helloService + "kind: Service\nmetadata: {name: hello-np, managedFields: [{manager: kustomize-controller, operation: Apply}]}\nspec: {selector: {app: hello, slot: blue}}\n---\n", false, cli.DryRunNone,
			"service hello-np is managed by Flux (field manager kustomize-controller), which would put its selector back; commit this change instead, or pass --allow-gitops: spec.selector.slot: green"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := offline()
			a.AllowGitOps, a.DryRun = test.allowed, test.dryRun
			p := readCluster(t, test.objects+helloBlue).pairOf(t, "hello", "")
			wantText(t, strings.Join(a.gitOpsRefusal(p, move{key: "slot", to: "green"}), "\n"), test.want)
		})
	}
}

func TestServiceNotes(t *testing.T) {
	tests := map[string]struct{ spec, want string }{
		"plain":         {"type: ClusterIP, clusterIP: 10.96.0.7, sessionAffinity: None", ""},
		"headless":      {"clusterIP: None", "service hello is headless: clients that keep the addresses they once resolved stay on the old pods"},
		"affinity":      {"sessionAffinity: ClientIP", "service hello has session affinity ClientIP: every client moves to a pod of the new side, and its session with it only if state is shared"},
		"not ready too": {"publishNotReadyAddresses: true", "service hello publishes pods that are not ready too; it is switched only when all are available"},
		"load balancer": {"type: LoadBalancer", "service hello is a LoadBalancer: its pool follows later than the cluster, some by minutes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := readCluster(t, strings.Replace(helloService, "spec: {", "spec: {"+test.spec+", ", 1)+helloBlue).pairOf(t, "hello", "")
			wantText(t, strings.Join(serviceNotes(p.Primary), "\n"), test.want)
		})
	}
	t.Run("of a Helm release", func(t *testing.T) {
		p := readCluster(t, strings.Replace(helloService, "name: hello}", "name: hello, annotations: {meta.helm.sh/release-name: web}}", 1)+helloBlue).pairOf(t, "hello", "")
		wantText(t, strings.Join(serviceNotes(p.Primary), "\n"), `service hello is part of Helm release "web": its next upgrade puts back the selector that the chart says`)
	})
}

func TestSelectorOverlap(t *testing.T) {
	const wide = "kind: Deployment\nmetadata: {name: hello-blue}\nspec: {selector: {matchLabels: {app: hello}}, template: {metadata: {labels: {app: hello, slot: blue}}}}\n---\n"
	budget := "kind: PodDisruptionBudget\nmetadata: {name: all}\nspec: {selector: {matchLabels: {app: hello}}}\n---\n" +
		"kind: PodDisruptionBudget\nmetadata: {name: blue}\nspec: {selector: {matchLabels: {app: hello, slot: blue}}}\n---\n"
	tests := map[string]struct{ objects, want string }{
		"nothing counts":           {wide, ""},
		"the selector names it":    {strings.Replace(wide, "matchLabels: {app: hello}", "matchLabels: {slot: blue}", 1) + scaled("blue", false) + budget, ""},
		"an HPA and a PDB of both": {wide + scaled("blue", false) + budget, `the selector of deployment hello-blue lacks "slot" and matches the pods of slot green too: HPA hello-blue averages the pods of both sides (kubernetes#116898); PDB all counts the pods of both sides`},
		"a PDB of another place":   {wide + strings.ReplaceAll(budget, "name: all", "name: all, namespace: other"), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := readCluster(t, helloService+test.objects)
			wantText(t, strings.Join(selectorOverlap(&c.world, c.pairOf(t, "hello", ""), &slot{Value: "green"}), "\n"), test.want)
		})
	}
}

func TestDryRunOfAct(t *testing.T) {
	c := readCluster(t, helloService+side("blue", "shop/hello:1")+side("green", "shop/hello:2"))
	tests := map[string]struct{ format, want string }{
		"as a plan": {"", `switch service hello in namespace shop from blue (deployment hello-blue) to green (deployment hello-green):
  1. switch service hello from slot=blue to green
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
  2. wait until the endpoints of service hello are the pods of slot=green, on every port
(dry run)
`},
		"for Git": {"yaml", `apiVersion: v1
kind: Service
metadata:
  name: hello
  namespace: shop
spec:
  ports:
  - name: http
    port: 80
    targetPort: 0
  selector:
    app: hello
    slot: green
`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := c.actor(t, "hello")
			var out strings.Builder
			a.env.Out, a.DryRun, a.Output.Format = &out, cli.DryRunClient, test.format
			if err := a.act(t.Context(), "switch", func(ctx context.Context) (*operation, error) { return a.planSwitch(ctx, "") }); err != nil {
				t.Fatal(err)
			}
			wantText(t, out.String(), test.want)
		})
	}
}
