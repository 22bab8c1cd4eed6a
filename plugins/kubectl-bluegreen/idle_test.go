package main

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-switchyard/switchyard/pkg/kube"
)

// manifest is a person's Deployment for the new side of hello.
const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello-green}
spec:
  replicas: 1
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec: {containers: [{name: app, image: "shop/hello:2.0"}]}
`

func TestFromManifest(t *testing.T) {
	tests := []struct {
		name, objects, manifest, want string
	}{
		{"a new side", helloService + helloBlue, manifest, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello-green, namespace: shop}
spec:
  replicas: 4
  selector: {matchLabels: {app: hello, slot: green}}
  template:
    metadata: {labels: {app: hello, slot: green}}
    spec: {containers: [{name: app, image: "shop/hello:2.0"}]}
`},
		{"beside a side that is scaled to 0", helloService + strings.Replace(helloBlue, "replicas: 4", "replicas: 0", 1), strings.Replace(manifest, "  replicas: 1\n", "", 1), `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello-green, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: hello, slot: green}}
  template:
    metadata: {labels: {app: hello, slot: green}}
    spec: {containers: [{name: app, image: "shop/hello:2.0"}]}
`},
		{"the active side's name", helloService + helloBlue, strings.Replace(manifest, "name: hello-green", "name: hello-blue", 1),
			"exit 2: deployment hello-blue in the manifest has the name of the active one; the new side needs a name of its own"},
		{"another namespace", helloService + helloBlue, strings.Replace(manifest, "name: hello-green", "name: hello-green, namespace: prod", 1),
			`exit 2: deployment hello-green in the manifest is of namespace "prod", the Service of "shop"`},
		{"another name than the slot's", helloService + helloBlue + helloGreen, strings.Replace(manifest, "name: hello-green", "name: hello-2", 1),
			"exit 2: slot slot=green has deployment hello-green already, the manifest has hello-2"},
		{"pods that the Service does not select", helloService + helloBlue, strings.Replace(manifest, "labels: {app: hello}", "labels: {app: hallo}", 1),
			"exit 2: the pods of deployment hello-green in the manifest lack the label app=hello that service hello selects"},
		{"pods that the Service beside it does not select", helloService + selecting("hello-np", "app: hello, tier: front, slot: blue") +
			strings.Replace(helloBlue, "app: hello,", "app: hello, tier: front,", 1), manifest,
			"exit 2: the pods of deployment hello-green in the manifest lack the label tier=front that service hello-np selects"},
		{"no object where one should be", helloService + helloBlue, "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: hello-green}\nspec: {template: text}",
			`exit 2: deployment hello-green in the manifest: value cannot be set because .spec.template is not a map[string]interface{}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := readCluster(t, test.objects).pairOf(t, "hello", "")
			target, err := p.target("")
			if err != nil {
				t.Fatal(err)
			}
			given := parseObject(t, test.manifest)
			got, err := fromManifest(p, target, given, "shop")
			if err != nil {
				wantText(t, errorText(err), test.want)
			} else {
				wantYAML(t, got.Object, test.want)
			}
			wantYAML(t, given.Object, test.manifest) // it is read again for every plan
		})
	}
}

func TestIdleSlot(t *testing.T) {
	inSlot := func(value string) *unstructured.Unstructured {
		return parseObject(t, strings.Replace(manifest, "labels: {app: hello}", "labels: {app: hello, slot: "+value+"}", 1))
	}
	tests := []struct {
		name     string
		to       string
		manifest *unstructured.Unstructured
		want     string
	}{
		{"the idle one", "", nil, "green"},
		{"as asked", "red", nil, "red"},
		{"the active one is asked for", "blue", nil, "exit 2: --to blue: slot slot=blue has the traffic; the new version goes to another one"},
		{"the manifest names none", "", parseObject(t, manifest), "green"},
		{"the manifest names one", "", inSlot("red"), "red"},
		{"the manifest names the one asked for", "red", inSlot("red"), "red"},
		{"the manifest names the active one", "", inSlot("blue"), "exit 2: deployment hello-green in the manifest is of slot slot=blue, which has the traffic; give its pods another value"},
		{"the manifest names another than asked for", "red", inSlot("green"), "exit 2: --to red: deployment hello-green in the manifest is of slot slot=green"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := readCluster(t, helloService+helloBlue+helloGreen).pairOf(t, "hello", "")
			got, err := offline().idleSlot(p, source{To: test.to}, test.manifest)
			text := errorText(err)
			if err == nil {
				text = got.Value
			}
			wantText(t, text, test.want)
		})
	}
}

func TestIdleFields(t *testing.T) {
	const live = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello-green, resourceVersion: "7"}
spec:
  replicas: 7
  paused: true
  progressDeadlineSeconds: 600
  selector: {matchLabels: {app: hello, side: second}}
  template:
    metadata: {labels: {app: hello, side: second, slot: green}, annotations: {old: "yes"}}
    spec: {containers: [{name: app, image: "shop/hello:1.0"}]}
status: {replicas: 7}
`
	const wanted = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello-green}
spec:
  replicas: 4
  progressDeadlineSeconds: 600
  selector: {matchLabels: {app: hello, slot: green}}
  template:
    metadata: {labels: {app: hello, slot: green}}
    spec: {containers: [{name: app, image: "shop/hello:2.0"}]}
`
	tests := []struct {
		name, live, wanted string
		ownedReplicas      bool
		want               string
	}{
		{"what differs and no more", live, wanted, false, `
spec:
  paused: null
  replicas: 4
  template:
    metadata: {annotations: null}
    spec: {containers: [{name: app, image: "shop/hello:2.0"}]}
`},
		{"an HPA keeps the replicas", live, wanted, true, `
spec:
  paused: null
  template:
    metadata: {annotations: null}
    spec: {containers: [{name: app, image: "shop/hello:2.0"}]}
`},
		{"the same already", live, strings.Replace(live, "side: second, slot: green}", "slot: green}", 1), false, `{}`},
		{"only the size", live, strings.Replace(live, "replicas: 7", "replicas: 4", 1), false, `spec: {replicas: 4}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := idleFields(parseObject(t, test.live), parseObject(t, test.wanted), test.ownedReplicas)
			if err != nil {
				t.Fatal(err)
			}
			wantYAML(t, got, test.want)
		})
	}
}

func TestSpecOf(t *testing.T) {
	if got := specOf(kube.Fields{}); got != nil {
		t.Errorf("of nothing: got %v", got)
	}
	wantYAML(t, specOf(scaleTo(3)), "replicas: 3")
}

func TestContainerImages(t *testing.T) {
	got := containerImages(parseObject(t, `
apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      initContainers: [{name: migrate, image: "shop/migrate:1"}]
      containers: [{name: app, image: "shop/hello:2.0"}, {name: proxy, image: "shop/proxy:3"}]`))
	wantText(t, imageText(got), "app=shop/hello:2.0,proxy=shop/proxy:3")
	wantText(t, imageText(containerImages(parseObject(t, "kind: Deployment\napiVersion: apps/v1"))), "")
}

func TestPreviewService(t *testing.T) {
	p := readCluster(t, `
kind: Service
metadata: {name: hello, labels: {team: shop}, annotations: {service.beta.kubernetes.io/some-load-balancer: internal}}
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.7
  externalTrafficPolicy: Local
  selector: {app: hello, slot: blue}
  ports: [{name: http, port: 80, targetPort: web, nodePort: 30080, appProtocol: kubernetes.io/h2c}, {name: dns, port: 53, protocol: UDP}]
---
`+helloBlue).pairOf(t, "hello", "")
	wantYAML(t, forGit(previewService(p, "green")).Object, `
apiVersion: v1
kind: Service
metadata: {name: hello-preview, namespace: shop, annotations: {kubectl-switchyard.github.io/preview-of: hello}}
spec:
  selector: {app: hello, slot: green}
  ports: [{name: http, port: 80, targetPort: web, appProtocol: kubernetes.io/h2c}, {name: dns, port: 53, protocol: UDP, targetPort: 0}]
`)
	if p.Primary.Spec.Ports[0].NodePort != 30080 || p.Primary.Spec.Selector["slot"] != "blue" {
		t.Errorf("the real Service was changed: %+v", p.Primary.Spec)
	}
}

func TestUnselected(t *testing.T) {
	tests := map[string]struct {
		objects string
		want    bool
	}{
		"only the other side is selected": {helloService, true},
		"selected":                        {helloService + selecting("direct", "app: hello, slot: green"), false},
		"selected with the other side":    {helloService + selecting("all", "app: hello"), false},
		"by a preview": {helloService + "kind: Service\nmetadata: {name: p, annotations: {kubectl-switchyard.github.io/preview-of: hello}}\n" +
			"spec: {selector: {app: hello, slot: green}}\n---\n", true},
		"in another namespace": {helloService + "kind: Service\nmetadata: {name: away, namespace: away}\nspec: {selector: {app: hello}}\n---\n", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := readCluster(t, test.objects+helloGreen)
			if got := unselected(&c.world, &c.Deployments[0]); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

func TestClean(t *testing.T) {
	live := parseObject(t, `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: hello-green
  namespace: shop
  uid: d1
  resourceVersion: "7"
  generation: 3
  creationTimestamp: "2026-11-22T03:00:00Z"
  managedFields: [{manager: kubectl}]
  labels: {app: hello}
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}', kubectl-switchyard.github.io/made-for: hello, team: shop}
spec: {replicas: 4}
status: {replicas: 4}`)
	wantYAML(t, clean(live).Object, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello-green, namespace: shop, labels: {app: hello}, annotations: {team: shop}}
spec: {replicas: 4}`)
	if live.GetUID() != "d1" {
		t.Error("the live object was changed")
	}
}

func TestWantReplicas(t *testing.T) {
	for size, want := range map[string]int32{"replicas: 4, ": 4, "replicas: 0, ": 1, "": 1} {
		p := readCluster(t, helloService+strings.Replace(helloBlue, "replicas: 4, ", size, 1)).pairOf(t, "hello", "")
		if got := wantReplicas(p); got != want {
			t.Errorf("beside %q: got %d, want %d", size, got, want)
		}
	}
}
