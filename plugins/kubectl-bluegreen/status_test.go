package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/output"
)

func TestStatusWarnings(t *testing.T) {
	const endpoints = `
kind: EndpointSlice
metadata: {name: hello-1, labels: {kubernetes.io/service-name: hello}}
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.0.0.1], targetRef: {uid: p1}}]
---
`
	const autoscaler = "kind: HorizontalPodAutoscaler\nmetadata: {name: %s%s}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: %s}, maxReplicas: 9}\n---\n"
	tests := []struct {
		name, objects string
		want          []string
	}{
		{"none", helloService + helloBlue + helloGreen + endpoints, nil},
		{"no ready endpoint", helloService + helloBlue, []string{"port http of service hello has no ready endpoint"}},
		{"no ready endpoint of a preview is no matter", helloService + helloBlue + helloGreen + endpoints +
			"kind: Service\nmetadata: {name: hello-preview, annotations: {kubectl-switchyard.github.io/preview-of: hello}}\nspec: {selector: {app: hello, slot: green}, ports: [{port: 80}]}\n---\n", nil},
		{"an HPA on each side, one held", helloService + helloBlue + helloGreen + endpoints + fmt.Sprintf(autoscaler, "blue", "", "hello-blue") +
			fmt.Sprintf(autoscaler, "green", ", annotations: {kubectl-switchyard.github.io/min-replicas: '2'}", "hello-green"),
			[]string{"deployment hello-blue is scaled by HPA blue",
				"deployment hello-green is scaled by HPA green, whose minimum is held at the present size for this release (its own is 2)"}},
		{"an HPA of something else", helloService + helloBlue + endpoints + fmt.Sprintf(autoscaler, "other", "", "other") +
			"kind: HorizontalPodAutoscaler\nmetadata: {name: set}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: hello-blue}, maxReplicas: 9}\n---\n" +
			"kind: HorizontalPodAutoscaler\nmetadata: {name: away, namespace: away}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: hello-blue}, maxReplicas: 9}\n---\n", nil},
		{"KEDA", helloService + helloBlue + endpoints + fmt.Sprintf(autoscaler, "keda-hpa-hello", ", labels: {scaledobject.keda.sh/name: hello-scaler}", "hello-blue"),
			[]string{"deployment hello-blue is scaled by KEDA (hello-scaler)", "deployment hello-blue is scaled by HPA keda-hpa-hello"}},
		{"PDBs", helloService + helloBlue + helloGreen + endpoints + "kind: PodDisruptionBudget\nmetadata: {name: blue-only}\nspec: {selector: {matchLabels: {slot: blue}}}\n---\n" +
			"kind: PodDisruptionBudget\nmetadata: {name: both}\nspec: {selector: {matchLabels: {app: hello}}}\n---\n" +
			"kind: PodDisruptionBudget\nmetadata: {name: away, namespace: away}\nspec: {selector: {matchLabels: {app: hello}}}\n---\n",
			[]string{"deployment hello-blue is guarded by PDB blue-only", "deployment hello-blue is guarded by PDB both", "deployment hello-green is guarded by PDB both"}},
		{"GitOps", "kind: Service\nmetadata: {name: hello, annotations: {argocd.argoproj.io/tracking-id: 'shop:/Service:shop/hello'}}\nspec: {selector: {app: hello, slot: blue}, ports: [{name: http, port: 80}]}\n---\n" +
			"kind: Deployment\nmetadata: {name: hello-blue, labels: {kustomize.toolkit.fluxcd.io/name: shop}}\nspec: {template: {metadata: {labels: {app: hello, slot: blue}}}}\n---\n" + endpoints,
			[]string{"service hello is managed by Argo CD (annotation argocd.argoproj.io/tracking-id=shop:/Service:shop/hello)",
				"deployment hello-blue is managed by Flux (label kustomize.toolkit.fluxcd.io/name=shop)"}},
		{"session affinity", strings.Replace(helloService, "spec: {", "spec: {sessionAffinity: ClientIP, ", 1) + helloBlue + endpoints,
			[]string{"service hello has session affinity ClientIP"}},
		{"a spoilt journal", annotated(helloService, "release", "no JSON") + helloBlue + endpoints,
			[]string{"service hello: annotation kubectl-switchyard.github.io/release is unreadable: invalid character 'o' in literal null (expecting 'u')"}},
		{"a spoilt adoption", helloService + strings.Replace(helloBlue, "name: hello-blue}", "name: hello-blue, annotations: {kubectl-switchyard.github.io/held: 'no JSON'}}", 1) + endpoints,
			[]string{"deployment hello-blue is in the middle of its adoption: run prepare again to go on, or abort"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := readCluster(t, test.objects)
			s := describe(&c.world, c.pairOf(t, "hello", ""), moment.Time)
			wantText(t, strings.Join(s.Warnings, "\n"), strings.Join(test.want, "\n"))
		})
	}
}

func TestStatusSince(t *testing.T) {
	const entries = `[{"id":"%s","operation":"%s","result":"%s","by":"ann","at":"2026-11-22T03:00:00Z","from":"%s","to":"%s"},
		{"id":"0","operation":"run","result":"done","by":"ann","at":"2026-11-20T00:00:00Z","from":"green","to":"blue"}]`
	tests := []struct{ name, objects, want string }{
		{"nothing is known", helloService, "<nil>"},
		{"a spoilt history", annotated(helloService, "history", "x"), "<nil>"},
		{"the last switch", annotated(helloService, "history", fmt.Sprintf(entries, "1", "switch", "done", "green", "blue")), "2026-11-22 03:00:00 +0000 UTC"},
		{"not when the old side went", annotated(helloService, "history", fmt.Sprintf(entries, "0", "finish", "done", "green", "blue")), "2026-11-20 00:00:00 +0000 UTC"},
		{"not when a release failed before its switch", annotated(helloService, "history", fmt.Sprintf(entries, "1", "run", "failed", "blue", "green")), "2026-11-20 00:00:00 +0000 UTC"},
		{"when a release was rolled back", annotated(helloService, "history", fmt.Sprintf(entries, "1", "run", "rolled back", "blue", "green")), "2026-11-22 03:00:00 +0000 UTC"},
		{"of the release under way", annotated(helloService, "release", `{"id":"1","operation":"switch","phase":"Switched","slotKey":"slot","from":"green","to":"blue","switchedAt":"2026-11-22T03:10:00Z"}`), "2026-11-22 03:10:00 +0000 UTC"},
		{"not of a release to the other side", annotated(helloService, "release", `{"id":"1","operation":"switch","phase":"Switched","slotKey":"slot","from":"blue","to":"green","switchedAt":"2026-11-22T03:10:00Z"}`), "<nil>"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			since := movedAt(readCluster(t, test.objects+helloBlue+helloGreen).pairOf(t, "hello", ""))
			text := "<nil>"
			if since != nil {
				text = since.UTC().String()
			}
			wantText(t, text, test.want)
		})
	}
}

func TestStatusFormats(t *testing.T) {
	c := readCluster(t, onGreen(annotated(shopHello, "release", `{"id":"4a3ca920","operation":"run","phase":"Soaking","by":"ann@laptop","slotKey":"slot","from":"blue",
		"to":"green","services":["hello"],"startedAt":"2026-11-22T03:25:00Z","switchedAt":"2026-11-22T03:29:30Z","until":"2026-11-22T03:31:05Z"}`))+helloSlice)
	c.NotChecked = map[string]string{"leases": "leases is forbidden"}
	document := describe(&c.world, c.pairOf(t, "hello", ""), moment.Time)
	wantText(t, printed(t, document, output.Flags{Format: "json"}), statusJSON)
	wantText(t, printed(t, document, output.Flags{Format: "name"}), "service/hello\n")
	wide, _, _ := strings.Cut(printed(t, document, output.Flags{Format: "wide", NoHeaders: true}), "\n\nhello ")
	wantText(t, wide, `service hello in namespace shop: slot=green has the traffic since 30s ago
release 4a3ca920 (run by ann@laptop): Soaking, 1m05s left

blue    -        hello-blue    2/2   2   2   1.0      app=shop/hello:1.0,proxy=shop/proxy:3
green   active   hello-green   1/2   1   1   <none>   app=shop/hello:2.0,proxy=shop/proxy:3`)
}

// statusJSON is the document in TestStatusFormats.
const statusJSON = `{
    "apiVersion": "switchyard/v1",
    "kind": "BlueGreenStatus",
    "namespace": "shop",
    "service": "hello",
    "slotKey": "slot",
    "active": "green",
    "since": "2026-11-22T03:29:30Z",
    "release": {
        "id": "4a3ca920",
        "operation": "run",
        "phase": "Soaking",
        "by": "ann@laptop",
        "startedAt": "2026-11-22T03:25:00Z",
        "from": "blue",
        "to": "green",
        "until": "2026-11-22T03:31:05Z"
    },
    "slots": [
        {
            "value": "blue",
            "deployment": "hello-blue",
            "active": false,
            "images": {
                "app": "shop/hello:1.0",
                "proxy": "shop/proxy:3"
            },
            "version": "1.0",
            "desired": 2,
            "current": 2,
            "updated": 2,
            "ready": 2,
            "available": 2,
            "observed": true,
            "settled": true
        },
        {
            "value": "green",
            "deployment": "hello-green",
            "active": true,
            "images": {
                "app": "shop/hello:2.0",
                "proxy": "shop/proxy:3"
            },
            "desired": 2,
            "current": 2,
            "updated": 1,
            "ready": 1,
            "available": 1,
            "observed": true,
            "settled": false
        }
    ],
    "services": [
        {
            "name": "hello",
            "type": "ClusterIP",
            "slot": "green",
            "role": "released",
            "ports": [
                {
                    "name": "http",
                    "port": 80,
                    "ready": 2,
                    "notReady": 1,
                    "draining": 1
                },
                {
                    "name": "admin",
                    "port": 81,
                    "ready": 2,
                    "notReady": 1,
                    "draining": 1
                }
            ]
        }
    ],
    "warnings": [
        "leases not checked: leases is forbidden"
    ],
    "notChecked": {
        "leases": "leases is forbidden"
    }
}
`

func TestStatusIsHarmlessToATerminal(t *testing.T) {
	c := readCluster(t, `
kind: Service
metadata:
  name: hello
  annotations:
    argocd.argoproj.io/tracking-id: "\e]0;owned\a\u202e"
    kubectl-switchyard.github.io/release: '{"id":"\u001b[2J","operation":"run","phase":"\r\nforged","by":"\u001b[31mann","slotKey":"slot","from":"blue","to":"green","reason":"\u009b2K\nerror: forged"}'
spec: {type: ClusterIP, selector: {app: hello, slot: blue}, ports: [{name: http, port: 80}]}
---
kind: Deployment
metadata: {name: hello-blue}
spec: {template: {metadata: {labels: {app: hello, slot: blue, version: "\e[1m1"}}, spec: {containers: [{name: app, image: "\e[5;31mshop/hello"}]}}}
---
kind: Lease
metadata: {name: kubectl-switchyard-service-hello, annotations: {kubectl-switchyard.github.io/operation: "\e[Arun"}}
spec: {holderIdentity: "\e[Hbob", acquireTime: "2026-11-22T02:30:00.000000Z", renewTime: "2026-01-01T00:00:00.000000Z"}`)
	c.NotChecked = map[string]string{"endpointslices": "\x1b[8mforbidden"}
	document := describe(&c.world, c.pairOf(t, "hello", ""), moment.Time)
	wantText(t, printed(t, document, output.Flags{}), `service hello in namespace shop: slot=blue has the traffic
release ^[[2J (run by ^[[31mann): \r\nforged: \u009b2K\nerror: forged
locked by ^[[Hbob since 60m ago (^[[Arun), expired

SLOT   TRAFFIC   DEPLOYMENT   READY   AVAILABLE   VERSION   IMAGES
blue   active    hello-blue   0/1     0           ^[[1m1    app=^[[5;31mshop/hello

SERVICE   TYPE        SLOT   ROLE       PORT   READY         NOT-READY   DRAINING
hello     ClusterIP   blue   released   http   not checked   -           -

warning: service hello is managed by Argo CD (annotation argocd.argoproj.io/tracking-id=^[]0;owned\x07\u202e)
warning: endpointslices not checked: ^[[8mforbidden
`)
	list := &statusList{Items: []*status{document}}
	for _, format := range output.Formats() {
		for _, each := range []output.Document{document, list} {
			for _, r := range printed(t, each, output.Flags{Format: format}) {
				if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e') {
					t.Fatalf("-o %s prints %q", format, r)
				}
			}
		}
	}
}

func TestStatusListing(t *testing.T) {
	objects := onGreen(shopHello) + helloSlice +
		"kind: Service\nmetadata: {name: hello-np}\nspec: {selector: {app: hello, slot: green}}\n---\n" + // moves with hello
		"kind: Service\nmetadata: {name: hello-preview, annotations: {kubectl-switchyard.github.io/preview-of: hello}}\nspec: {selector: {app: hello, slot: blue}}\n---\n" +
		labelled("lone", "app: lone") + selecting("lone", "app: lone") + // has never been released
		"kind: Service\nmetadata: {name: dns}\nspec: {type: ExternalName, externalName: example.com}\n---\n" +
		`
kind: Service
metadata: {name: web-np, namespace: other}
spec: {selector: {app: web, slot: v1}}
---
kind: Service
metadata: {name: web, namespace: other, annotations: {kubectl-switchyard.github.io/release: '{"id":"1","operation":"switch","phase":"Switched","slotKey":"slot","from":"v1","to":"v2","services":["web","web-np"],"switchedAt":"2026-11-22T00:30:00Z"}'}}
spec: {selector: {app: web, slot: v2}}
---
kind: Deployment
metadata: {name: web-1, namespace: other}
spec: {replicas: 3, template: {metadata: {labels: {app: web, slot: v1}}, spec: {containers: [{name: web, image: web:1}]}}}
---
kind: Deployment
metadata: {name: web-2, namespace: other}
spec: {replicas: 3, template: {metadata: {labels: {app: web, slot: v2}}, spec: {containers: [{name: web, image: web:2}]}}}
status: {readyReplicas: 3}
`
	tests := []struct {
		name string
		all  bool
		want string
	}{
		{"of all namespaces", true, `
NAMESPACE   SERVICE   ACTIVE   SINCE       READY   IMAGES                                  IDLE     IDLE-READY   PHASE      WARNINGS
other       web       <none>   3h          -       -                                       <none>   <none>       Switched   3
shop        hello     green    <unknown>   1/2     app=shop/hello:2.0,proxy=shop/proxy:3   blue     2/2          -          1
`},
		{"without the namespaces", false, `
SERVICE   ACTIVE   SINCE       READY   IMAGES                                  IDLE     IDLE-READY   PHASE      WARNINGS
web       <none>   3h          -       -                                       <none>   <none>       Switched   3
hello     green    <unknown>   1/2     app=shop/hello:2.0,proxy=shop/proxy:3   blue     2/2          -          1
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := cli.NewEnv(genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard})
			env.Clock = func() time.Time { return moment.Time }
			view := &statusView{env: env, flags: statusFlags{AllNamespaces: test.all}}
			wantText(t, printed(t, view.listing(&readCluster(t, objects).world), output.Flags{}), strings.TrimPrefix(test.want, "\n"))
		})
	}
}
