package main

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-switchyard/switchyard/pkg/output"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

// shopHello is a Service of two ports on blue, with both sides up at two replicas.
const shopHello = `
kind: Service
metadata: {name: hello}
spec: {type: ClusterIP, selector: {app: hello, slot: blue}, ports: [{name: http, port: 80}, {name: admin, port: 81}]}
---
kind: Deployment
metadata: {name: hello-blue, generation: 1}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: hello, slot: blue, version: "1.0"}}
    spec: {initContainers: [{name: migrate, image: shop/migrate:1}], containers: [{name: app, image: shop/hello:1.0}, {name: proxy, image: shop/proxy:3}]}
status: {observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2}
---
kind: Deployment
metadata: {name: hello-green, generation: 1}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: hello, slot: green}}
    spec: {containers: [{name: app, image: shop/hello:2.0}, {name: proxy, image: shop/proxy:3}]}
status: {observedGeneration: 1, replicas: 2, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1}
---
`

// helloSlice are the endpoints of hello: two ready, one not, one draining.
const helloSlice = `
kind: EndpointSlice
metadata: {name: hello-1, labels: {kubernetes.io/service-name: hello}}
ports: [{name: http, port: 8080}, {name: admin, port: 9090}]
endpoints:
- {addresses: [10.0.0.1], targetRef: {uid: p1}, conditions: {ready: true}}
- {addresses: [10.0.0.2], targetRef: {uid: p2}, conditions: {ready: true}}
- {addresses: [10.0.0.3], targetRef: {uid: p3}, conditions: {ready: false}}
- {addresses: [10.0.0.4], targetRef: {uid: p4}, conditions: {ready: false, serving: true, terminating: true}}
---
`

// annotated gives the Service hello an annotation of ours.
func annotated(objects, name, value string) string {
	return strings.Replace(objects, "name: hello}", fmt.Sprintf("name: hello, annotations: {%s/%s: '%s'}}", release.Domain, name, value), 1)
}

// onGreen lets the Service hello of shopHello select the other side.
func onGreen(objects string) string {
	return strings.Replace(objects, "selector: {app: hello, slot: blue}", "selector: {app: hello, slot: green}", 1)
}

// printed is what a document looks like on stdout.
func printed(t *testing.T, document output.Document, flags output.Flags) string {
	t.Helper()
	var out strings.Builder
	flags.Color = output.ColorNever
	printer, err := flags.Printer(genericiooptions.IOStreams{Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	if err := printer.Print(document); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestStatusTables(t *testing.T) {
	tests := []struct {
		name, objects string
		notChecked    map[string]string
		want          string
	}{
		{"plain", shopHello + helloSlice, nil, `
service hello in namespace shop: slot=blue has the traffic

SLOT    TRAFFIC   DEPLOYMENT    READY   AVAILABLE   VERSION   IMAGES
blue    active    hello-blue    2/2     2           1.0       app=shop/hello:1.0,proxy=shop/proxy:3
green   -         hello-green   1/2     1           <none>    app=shop/hello:2.0,proxy=shop/proxy:3

SERVICE   TYPE        SLOT   ROLE       PORT    READY   NOT-READY   DRAINING
hello     ClusterIP   blue   released   http    2       1           1
hello     ClusterIP   blue   released   admin   2       1           1
`},
		{"with a journal", annotated(shopHello, "history", `[{"id":"1","operation":"finish","result":"done","by":"ann","at":"2026-11-22T03:00:00Z","from":"green","to":"blue"},
			{"id":"1","operation":"run","result":"done","by":"ann","at":"2026-11-21T03:30:00Z","from":"green","to":"blue"}]`) + helloSlice, nil, `
service hello in namespace shop: slot=blue has the traffic since 24h ago

SLOT    TRAFFIC   DEPLOYMENT    READY   AVAILABLE   VERSION   IMAGES
blue    active    hello-blue    2/2     2           1.0       app=shop/hello:1.0,proxy=shop/proxy:3
green   -         hello-green   1/2     1           <none>    app=shop/hello:2.0,proxy=shop/proxy:3

SERVICE   TYPE        SLOT   ROLE       PORT    READY   NOT-READY   DRAINING
hello     ClusterIP   blue   released   http    2       1           1
hello     ClusterIP   blue   released   admin   2       1           1
`},
		{"not adopted yet", `
kind: Service
metadata: {name: hello}
spec: {type: NodePort, selector: {app: hello}, ports: [{port: 80}]}
---
kind: Deployment
metadata: {name: hello}
spec: {template: {metadata: {labels: {app: hello}}, spec: {containers: [{name: app, image: shop/hello:1.0}]}}}
status: {replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1}`, nil, `
service hello in namespace shop: slot=blue has the traffic

SLOT   TRAFFIC   DEPLOYMENT   READY   AVAILABLE   VERSION   IMAGES
blue   active    hello        1/1     1           <none>    app=shop/hello:1.0

SERVICE   TYPE       SLOT     ROLE       PORT   READY   NOT-READY   DRAINING
hello     NodePort   <none>   released   80     0       0           0

warning: service hello names no slot yet; its first release adopts it
warning: port 80 of service hello has no ready endpoint
`},
		{"in the middle of its adoption", `
kind: Service
metadata: {name: hello}
spec: {type: ClusterIP, selector: {app: hello}, ports: [{port: 80}]}
---
kind: Deployment
metadata: {name: hello, annotations: {kubectl-switchyard.github.io/held: '{}'}}
spec: {template: {metadata: {labels: {app: hello, slot: blue}}, spec: {containers: [{name: app, image: shop/hello:1.0}]}}}
status: {replicas: 2, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 1}
---
kind: EndpointSlice
metadata: {name: hello-1, labels: {kubernetes.io/service-name: hello}}
ports: [{name: '', port: 8080}]
endpoints:
- {addresses: [10.0.0.1]}
- {addresses: [10.0.0.2]}`, nil, `
service hello in namespace shop: slot=blue has the traffic

SLOT   TRAFFIC   DEPLOYMENT   READY   AVAILABLE   VERSION   IMAGES
blue   active    hello        2/1     1           <none>    app=shop/hello:1.0

SERVICE   TYPE        SLOT     ROLE       PORT   READY   NOT-READY   DRAINING
hello     ClusterIP   <none>   released   80     2       0           0

warning: service hello names no slot yet; its first release adopts it
warning: deployment hello is in the middle of its adoption: run prepare again to go on, or abort
`},
		{"soaking, locked", onGreen(annotated(shopHello, "release", `{"id":"4a3ca920","operation":"run","phase":"Soaking","by":"ann@laptop","slotKey":"slot","from":"blue","to":"green",
			"services":["hello"],"switchedAt":"2026-11-22T03:29:30Z","until":"2026-11-22T03:31:05Z"}`)) + helloSlice + `
kind: Lease
metadata: {name: kubectl-switchyard-service-hello, annotations: {kubectl-switchyard.github.io/operation: run hello}}
spec: {holderIdentity: ann@laptop/1234, acquireTime: "2026-11-22T03:28:00.000000Z", renewTime: "2200-01-01T00:00:00.000000Z"}
`, nil, `
service hello in namespace shop: slot=green has the traffic since 30s ago
release 4a3ca920 (run by ann@laptop): Soaking, 1m05s left
locked by ann@laptop/1234 since 2m ago (run hello)

SLOT    TRAFFIC   DEPLOYMENT    READY   AVAILABLE   VERSION   IMAGES
blue    -         hello-blue    2/2     2           1.0       app=shop/hello:1.0,proxy=shop/proxy:3
green   active    hello-green   1/2     1           <none>    app=shop/hello:2.0,proxy=shop/proxy:3

SERVICE   TYPE        SLOT    ROLE       PORT    READY   NOT-READY   DRAINING
hello     ClusterIP   green   released   http    2       1           1
hello     ClusterIP   green   released   admin   2       1           1
`},
		{"held after a failed soak, lock expired", onGreen(annotated(shopHello, "release", `{"id":"4a3ca920","operation":"run","phase":"Switched","by":"ann@laptop","slotKey":"slot","from":"blue","to":"green",
			"services":["hello"],"switchedAt":"2026-11-22T03:20:00Z","until":"2026-11-22T03:21:00Z","reason":"container app of pod green-1 ended"}`)) + helloSlice + `
kind: Lease
metadata: {name: kubectl-switchyard-service-hello, annotations: {kubectl-switchyard.github.io/operation: switch hello}}
spec: {holderIdentity: bob@desk/99, acquireTime: "2026-11-22T02:30:00.000000Z", renewTime: "2026-01-01T00:00:00.000000Z"}
`, nil, `
service hello in namespace shop: slot=green has the traffic since 10m ago
release 4a3ca920 (run by ann@laptop): Switched: container app of pod green-1 ended
locked by bob@desk/99 since 60m ago (switch hello), expired

SLOT    TRAFFIC   DEPLOYMENT    READY   AVAILABLE   VERSION   IMAGES
blue    -         hello-blue    2/2     2           1.0       app=shop/hello:1.0,proxy=shop/proxy:3
green   active    hello-green   1/2     1           <none>    app=shop/hello:2.0,proxy=shop/proxy:3

SERVICE   TYPE        SLOT    ROLE       PORT    READY   NOT-READY   DRAINING
hello     ClusterIP   green   released   http    2       1           1
hello     ClusterIP   green   released   admin   2       1           1
`},
		{"the Services disagree", annotated(shopHello, "release", `{"id":"4a3ca920","operation":"switch","phase":"Switched","by":"ann@laptop","slotKey":"slot","from":"green","to":"blue",
			"services":["hello","hello-np"],"switchedAt":"2026-11-22T03:29:55Z"}`) + helloSlice + `
kind: Service
metadata: {name: hello-np}
spec: {type: NodePort, selector: {app: hello, slot: green}, ports: [{port: 80}]}
`, nil, `
service hello in namespace shop: its services are on different slots
release 4a3ca920 (switch by ann@laptop): Switched

SLOT    TRAFFIC   DEPLOYMENT    READY   AVAILABLE   VERSION   IMAGES
blue    part      hello-blue    2/2     2           1.0       app=shop/hello:1.0,proxy=shop/proxy:3
green   part      hello-green   1/2     1           <none>    app=shop/hello:2.0,proxy=shop/proxy:3

SERVICE    TYPE        SLOT    ROLE       PORT    READY   NOT-READY   DRAINING
hello      ClusterIP   blue    released   http    2       1           1
hello      ClusterIP   blue    released   admin   2       1           1
hello-np   NodePort    green   released   80      0       0           0

warning: the services do not all select the same slot (hello: blue, hello-np: green): finish with the command that was cut off
warning: port 80 of service hello-np has no ready endpoint
`},
		{"a preview, a bystander, a headless Service", shopHello + helloSlice + `
kind: Service
metadata: {name: hello-peers}
spec: {type: ClusterIP, clusterIP: None, selector: {app: hello, slot: blue}}
---
kind: Service
metadata: {name: hello-preview, annotations: {kubectl-switchyard.github.io/preview-of: hello}}
spec: {type: ClusterIP, selector: {app: hello, slot: green}, ports: [{name: http, port: 80}]}
---
kind: Service
metadata: {name: hello-metrics}
spec: {type: ClusterIP, selector: {app: hello}, ports: [{name: metrics, port: 9100}]}
---
kind: EndpointSlice
metadata: {name: hello-peers-1, labels: {kubernetes.io/service-name: hello-peers}}
ports: null
endpoints: [{addresses: [10.0.0.1], targetRef: {uid: p1}}]
---
kind: EndpointSlice
metadata: {name: hello-metrics-1, labels: {kubernetes.io/service-name: hello-metrics}}
ports: null
endpoints: [{addresses: [10.0.0.1], targetRef: {uid: p1}}, {addresses: [10.0.0.2], targetRef: {uid: p2}}]
`, nil, `
service hello in namespace shop: slot=blue has the traffic

SLOT    TRAFFIC   DEPLOYMENT    READY   AVAILABLE   VERSION   IMAGES
blue    active    hello-blue    2/2     2           1.0       app=shop/hello:1.0,proxy=shop/proxy:3
green   -         hello-green   1/2     1           <none>    app=shop/hello:2.0,proxy=shop/proxy:3

SERVICE         TYPE        SLOT     ROLE       PORT      READY   NOT-READY   DRAINING
hello           ClusterIP   blue     released   http      2       1           1
hello           ClusterIP   blue     released   admin     2       1           1
hello-peers     Headless    blue     released   <all>     1       0           0
hello-preview   ClusterIP   green    preview    http      0       0           0
hello-metrics   ClusterIP   <none>   both       metrics   0       0           0

warning: service hello-metrics has 2 endpoints without a port: no container declares its named targetPort, so nothing reaches them
`},
		{"parts that may not be read", shopHello, map[string]string{"endpointslices": "endpointslices.discovery.k8s.io is forbidden", "leases": "leases is forbidden"}, `
service hello in namespace shop: slot=blue has the traffic

SLOT    TRAFFIC   DEPLOYMENT    READY   AVAILABLE   VERSION   IMAGES
blue    active    hello-blue    2/2     2           1.0       app=shop/hello:1.0,proxy=shop/proxy:3
green   -         hello-green   1/2     1           <none>    app=shop/hello:2.0,proxy=shop/proxy:3

SERVICE   TYPE        SLOT   ROLE       PORT    READY         NOT-READY   DRAINING
hello     ClusterIP   blue   released   http    not checked   -           -
hello     ClusterIP   blue   released   admin   not checked   -           -

warning: endpointslices not checked: endpointslices.discovery.k8s.io is forbidden
warning: leases not checked: leases is forbidden
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := readCluster(t, test.objects)
			c.NotChecked = test.notChecked
			got := printed(t, describe(&c.world, c.pairOf(t, "hello", ""), moment.Time), output.Flags{})
			wantText(t, got, strings.TrimPrefix(test.want, "\n"))
		})
	}
}
