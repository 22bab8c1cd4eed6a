// Package e2e_test runs kubectl bluegreen on a real cluster, see scripts/e2e. The tests that measure loss and time run
// alone; the others wait for pods most of the time and run side by side.
package e2e_test

import (
	"strings"
	"testing"

	"github.com/kubectl-switchyard/switchyard/scripts/e2e"
)

func TestMain(m *testing.M) { e2e.Main(m, "kubectl-bluegreen") }

// hello is one Deployment behind two Services that name no slot: it takes 4 s to start and 200 ms to answer.
const hello = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello, labels: {app: hello}}
spec:
  replicas: 4
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      containers:
      - name: app
        image: localhost/demoapp:v1
        env: [{name: LATENCY, value: 200ms}, {name: STARTUP, value: 4s}]
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

// blue is the active slot of a Service, with nothing beside it yet.
const blue = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello-blue}
spec:
  replicas: 2
  selector: {matchLabels: {app: hello, version: blue}}
  template:
    metadata: {labels: {app: hello, version: blue}}
    spec:
      containers:
      - name: app
        image: localhost/demoapp:v1
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: hello}
spec: {selector: {app: hello, version: blue}, ports: [{name: http, port: 80, targetPort: http}]}
`

// green is the idle slot beside blue.
const green = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello-green}
spec:
  replicas: 2
  selector: {matchLabels: {app: hello, version: green}}
  template:
    metadata: {labels: {app: hello, version: green}}
    spec:
      containers:
      - name: app
        image: localhost/demoapp:v2
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1}
`

// changed returns the YAML with one text, which must be in it, replaced everywhere.
func changed(t testing.TB, yaml, from, to string) string {
	t.Helper()
	if !strings.Contains(yaml, from) {
		t.Fatalf("%q is not in\n%s", from, yaml)
	}
	return strings.ReplaceAll(yaml, from, to)
}

// active returns the value of the slot key that the Service hello selects.
func active(n *e2e.Namespace, key string) string {
	return n.Field("service/hello", "{.spec.selector."+key+"}")
}
