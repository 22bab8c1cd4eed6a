package main

import (
	"testing"
	"time"
)

func TestUnconverged(t *testing.T) {
	// Slices list pods by uid: p1 and p2 are of green, which the Services select now, old is of blue.
	const (
		service = "kind: Service\nmetadata: {name: hello}\nspec: {selector: {app: hello, slot: green}, ports: [{name: http, port: 80}, {name: admin, port: 81}]}\n---\n"
		pods    = "kind: Pod\nmetadata: {name: green-1, uid: p1, labels: {app: hello, slot: green}}\n---\nkind: Pod\nmetadata: {name: green-2, uid: p2, labels: {app: hello, slot: green}}\n---\n"
		slice   = "kind: EndpointSlice\nmetadata: {name: hello-1, labels: {kubernetes.io/service-name: hello}}\n"
		both    = "ports: [{name: http, port: 8080}, {name: admin, port: 9090}]\n"
		p1      = "- {addresses: [10.0.0.1], targetRef: {uid: p1}, conditions: {ready: true}}\n"
		p2      = "- {addresses: [10.0.0.2], targetRef: {uid: p2}, conditions: {ready: true}}\n"
		old     = "- {addresses: [10.0.0.9], targetRef: {uid: old}, conditions: {ready: true}}\n"
	)
	tests := []struct {
		name, objects, want string
	}{
		{"all there", service + pods + slice + both + "endpoints:\n" + p1 + p2, ""},
		{"in two slices", service + pods + slice + both + "endpoints:\n" + p1 + "---\n" + slice + both + "endpoints:\n" + p2, ""},
		{"by port in two slices", service + pods + slice + "ports: [{name: http, port: 8080}]\nendpoints:\n" + p1 + p2 + "---\n" + slice + "ports: [{name: admin, port: 9090}]\nendpoints:\n" + p1 + p2, ""},
		{"of both address families", service + pods + slice + both + "endpoints:\n" + p1 + p2 + "---\n" + slice + both + "endpoints:\n- {addresses: ['::1'], targetRef: {uid: p1}}\n- {addresses: ['::2'], targetRef: {uid: p2}}\n", ""},
		{"no slice", service + pods, "port http of service hello has 0 of 2 pods as ready endpoints"},
		{"the slice of another Service", service + pods + "kind: EndpointSlice\nmetadata: {name: x, labels: {kubernetes.io/service-name: other}}\n" + both + "endpoints:\n" + p1 + p2,
			"port http of service hello has 0 of 2 pods as ready endpoints"},
		{"one is missing", service + pods + slice + both + "endpoints:\n" + p1, "port http of service hello has 1 of 2 pods as ready endpoints"},
		{"one is not ready", service + pods + slice + both + "endpoints:\n" + p1 + "- {addresses: [10.0.0.2], targetRef: {uid: p2}, conditions: {ready: false}}\n",
			"port http of service hello has 1 of 2 pods as ready endpoints"},
		{"one is missing on the second port", service + pods + slice + both + "endpoints:\n" + p1 + "---\n" + slice + "ports: [{name: http, port: 8080}]\nendpoints:\n" + p2,
			"port admin of service hello has 1 of 2 pods as ready endpoints"},
		{"an old one is left", service + pods + slice + both + "endpoints:\n" + p1 + p2 + old, "port http of service hello still has 1 other endpoints"},
		{"an old one is on its way out", service + pods + slice + both + "endpoints:\n" + p1 + p2 + "- {addresses: [10.0.0.9], targetRef: {uid: old}, conditions: {ready: false, serving: true, terminating: true}}\n", ""},
		{"ports null", service + pods + slice + "ports: null\nendpoints:\n" + p1 + p2, "port http of service hello has 0 of 2 pods as ready endpoints"},
		{"no name for the port", "kind: Service\nmetadata: {name: hello}\nspec: {selector: {app: hello, slot: green}, ports: [{port: 80}]}\n---\n" + pods + slice + "ports: [{name: '', port: 8080}]\nendpoints:\n" + p1,
			"port 80 of service hello has 1 of 2 pods as ready endpoints"},
		{"a second Service has not followed", service + "kind: Service\nmetadata: {name: hello-np}\nspec: {selector: {app: hello, slot: green}, ports: [{name: http, port: 80}]}\n---\n" + pods + slice + both + "endpoints:\n" + p1 + p2,
			"port http of service hello-np has 0 of 2 pods as ready endpoints"},
		{"a headless Service without ports, not followed", "kind: Service\nmetadata: {name: hello}\nspec: {clusterIP: None, selector: {app: hello, slot: green}}\n---\n" + pods + slice + "ports: null\nendpoints:\n" + p1 + old,
			"port <all> of service hello has 1 of 2 pods as ready endpoints"},
		{"a headless Service without ports, with an old one left", "kind: Service\nmetadata: {name: hello}\nspec: {clusterIP: None, selector: {app: hello, slot: green}}\n---\n" + pods + slice + "ports: null\nendpoints:\n" + p1 + p2 + old,
			"port <all> of service hello still has 1 other endpoints"},
		{"a headless Service without ports", "kind: Service\nmetadata: {name: hello}\nspec: {clusterIP: None, selector: {app: hello, slot: green}}\n---\n" + pods + slice + "ports: null\nendpoints:\n" + p1 + p2, ""},
		{"a pod that goes is not waited for", service + pods + "kind: Pod\nmetadata: {name: green-3, uid: p3, deletionTimestamp: \"2026-11-22T03:29:00Z\", labels: {app: hello, slot: green}}\n---\n" + slice + both + "endpoints:\n" + p1 + p2, ""},
		{"no pod at all", service + slice + both, "no pod of service hello is ready"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := readCluster(t, test.objects)
			f := facts{Key: "slot", To: "green", Pods: c.pods}
			for i := range c.Services {
				f.Services = append(f.Services, &c.Services[i])
			}
			wantText(t, unconverged(&f, c.Slices), test.want)
		})
	}
}

func TestDrainDelay(t *testing.T) {
	const balanced = "kind: Service\nmetadata: {name: hello-lb}\nspec: {type: LoadBalancer, selector: {app: hello, slot: blue}}\n---\n"
	tests := []struct {
		name, objects string
		asked, want   time.Duration
	}{
		{"in the cluster", helloService + helloBlue, 0, 5 * time.Second},
		{"behind a load balancer", helloService + balanced + helloBlue, 0, time.Minute},
		{"as asked", helloService + balanced + helloBlue, 20 * time.Second, 20 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := offline()
			a.DrainDelay = test.asked
			if got := a.drainDelay(readCluster(t, test.objects).pairOf(t, "hello", "")); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
