package traffic

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

// object reads a Kubernetes object from YAML; an unknown field fails the test.
func object[T any](t *testing.T, text string) T {
	t.Helper()
	var out T
	if err := yaml.UnmarshalStrict([]byte(text), &out); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return out
}

func objects[T any](t *testing.T, texts ...string) []T {
	t.Helper()
	var out []T
	for _, text := range texts {
		out = append(out, object[T](t, text))
	}
	return out
}

func TestSelects(t *testing.T) {
	tests := []struct {
		name             string
		selector, labels map[string]string
		want             bool
	}{
		{"all keys match", map[string]string{"app": "hello"}, map[string]string{"app": "hello", "slot": "blue"}, true},
		{"another value", map[string]string{"app": "hello", "slot": "blue"}, map[string]string{"app": "hello", "slot": "green"}, false},
		{"a label is missing", map[string]string{"app": "hello", "slot": "blue"}, map[string]string{"app": "hello"}, false},
		{"an empty value wants the label", map[string]string{"slot": ""}, map[string]string{"app": "hello"}, false},
		{"an empty value that is there", map[string]string{"slot": ""}, map[string]string{"slot": ""}, true},
		{"no selector selects nothing", nil, map[string]string{"app": "hello"}, false},
		{"no labels", map[string]string{"app": "hello"}, nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Selects(test.selector, test.labels); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestWithAndWithout(t *testing.T) {
	labels := map[string]string{"app": "hello", "slot": "blue"}
	got := fmt.Sprint(With(labels, "slot", "green"), With(nil, "slot", "green"), Without(labels, "slot"), Without(labels, "none"), labels)
	if want := "map[app:hello slot:green] map[slot:green] map[app:hello] map[app:hello slot:blue] map[app:hello slot:blue]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestMatchingPods(t *testing.T) {
	pods := objects[corev1.Pod](t,
		`{metadata: {name: running, labels: {app: hello}}, status: {phase: Running}}`,
		`{metadata: {name: pending, labels: {app: hello}}, status: {phase: Pending}}`,
		`{metadata: {name: leaving, labels: {app: hello}, deletionTimestamp: "2026-01-02T10:00:00Z"}, status: {phase: Running}}`,
		`{metadata: {name: succeeded, labels: {app: hello}}, status: {phase: Succeeded}}`,
		`{metadata: {name: failed, labels: {app: hello}}, status: {phase: Failed}}`,
		`{metadata: {name: other, labels: {app: world}}, status: {phase: Running}}`)
	var names []string
	for _, pod := range MatchingPods(map[string]string{"app": "hello"}, pods) {
		names = append(names, pod.Name)
	}
	if want := []string{"running", "pending", "leaving"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

func TestPodPort(t *testing.T) {
	const spec = `
initContainers:
- {name: proxy, restartPolicy: Always, ports: [{name: mesh, containerPort: 15001}]}
- {name: migrate, ports: [{name: migrate, containerPort: 7000}]}
containers:
- {name: app, ports: [{name: http, containerPort: 8080, protocol: TCP}, {name: dns, containerPort: 53, protocol: UDP}, {containerPort: 9000}]}
- {name: metrics, ports: [{name: metrics, containerPort: 9100}]}`
	tests := []struct{ name, port, want string }{
		{"by name", `{port: 80, targetPort: http}`, "8080 Declared"},
		{"by name in another container", `{port: 80, targetPort: metrics}`, "9100 Declared"},
		{"by name in a sidecar", `{port: 80, targetPort: mesh}`, "15001 Declared"},
		{"an init container that ends serves nothing", `{port: 80, targetPort: migrate}`, "0 Missing"},
		{"by a name that nobody declares", `{port: 80, targetPort: https}`, "0 Missing"},
		{"by a name of the other protocol", `{port: 53, targetPort: dns}`, "0 Missing"},
		{"by name and protocol", `{port: 53, protocol: UDP, targetPort: dns}`, "53 Declared"},
		{"by number", `{port: 80, targetPort: 8080}`, "8080 Declared"},
		{"by the number of a port without a name", `{port: 80, targetPort: 9000}`, "9000 Declared"},
		{"by a number that nobody declares", `{port: 80, targetPort: 8081}`, "8081 Undeclared"},
		{"by a number of the other protocol", `{port: 80, targetPort: 53}`, "53 Undeclared"},
		{"the target is the port by default", `{port: 8080}`, "8080 Declared"},
		{"an empty name is the default too", `{port: 8080, targetPort: ""}`, "8080 Declared"},
	}
	verdicts := map[PortVerdict]string{Declared: "Declared", Undeclared: "Undeclared", Missing: "Missing"}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			number, verdict := PodPort(object[corev1.ServicePort](t, test.port), object[corev1.PodSpec](t, spec))
			if got := fmt.Sprint(number, " ", verdicts[verdict]); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestMissingPorts(t *testing.T) {
	service := object[corev1.Service](t, `
metadata: {name: hello}
spec: {ports: [{name: web, port: 80, targetPort: http}, {port: 90, targetPort: grpc}, {name: raw, port: 91, targetPort: 91}]}`)
	both := `{spec: {containers: [{name: app, ports: [{name: http, containerPort: 8080}, {name: grpc, containerPort: 9090}]}]}}`
	one := `{spec: {containers: [{name: app, ports: [{name: http, containerPort: 8080}]}]}}`
	tests := []struct {
		name string
		pods []string
		want []string
	}{
		{"none", []string{both, both}, nil},
		{"some pods lack one", []string{both, one, one}, []string{`port "90" of service hello goes to the container port named "grpc", which 2 of 3 pods do not declare`}},
		{"every pod lacks both", []string{`{}`}, []string{
			`port "web" of service hello goes to the container port named "http", which 1 of 1 pods do not declare`,
			`port "90" of service hello goes to the container port named "grpc", which 1 of 1 pods do not declare`}},
		{"no pods, nothing to say", nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := MissingPorts(&service, objects[corev1.Pod](t, test.pods...)); !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestPortLabel(t *testing.T) {
	for port, want := range map[string]string{`{name: web, port: 80}`: "web", `{port: 80}`: "80", `{}`: "<all>"} {
		if got := PortLabel(object[corev1.ServicePort](t, port)); got != want {
			t.Errorf("of %s: got %q, want %q", port, got, want)
		}
	}
}

func TestReferrers(t *testing.T) {
	services := objects[corev1.Service](t,
		`{metadata: {name: hello, namespace: shop}, spec: {selector: {app: hello}}}`,
		`{metadata: {name: blue, namespace: shop}, spec: {selector: {app: hello, slot: blue}}}`,
		`{metadata: {name: green, namespace: shop}, spec: {selector: {app: hello, slot: green}}}`,
		`{metadata: {name: manual, namespace: shop}, spec: {}}`,
		`{metadata: {name: alias, namespace: shop}, spec: {type: ExternalName, externalName: example.com, selector: {app: hello}}}`)
	ingresses := objects[networkingv1.Ingress](t,
		`{metadata: {name: web, namespace: shop}, spec: {rules: [{host: a}, {host: b, http: {paths: [{backend: {service: {name: other}}}, {backend: {service: {name: hello}}}]}}]}}`,
		`{metadata: {name: rest, namespace: shop}, spec: {defaultBackend: {service: {name: blue}}}}`,
		`{metadata: {name: bucket, namespace: shop}, spec: {defaultBackend: {resource: {kind: Bucket, name: hello}}}}`,
		`{metadata: {name: elsewhere, namespace: other}, spec: {defaultBackend: {service: {name: hello}}}}`)
	routes := objects[gatewayv1.HTTPRoute](t,
		`{metadata: {name: web, namespace: shop}, spec: {rules: [{}, {backendRefs: [{name: other}, {name: hello, weight: 0}]}]}}`,
		`{metadata: {name: web, namespace: edge}, spec: {rules: [{backendRefs: [{name: hello, namespace: shop, kind: Service, group: ""}]}]}}`,
		`{metadata: {name: near, namespace: edge}, spec: {rules: [{backendRefs: [{name: hello}]}]}}`,
		`{metadata: {name: import, namespace: shop}, spec: {rules: [{backendRefs: [{name: hello, kind: ServiceImport, group: multicluster.x-k8s.io}]}]}}`,
		`{metadata: {name: group, namespace: shop}, spec: {rules: [{backendRefs: [{name: hello, group: example.com}]}]}}`,
		`{metadata: {name: mirror, namespace: shop}, spec: {rules: [{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: blue}}}], backendRefs: [{name: other}]}]}}`,
		`{metadata: {name: inner, namespace: shop}, spec: {rules: [{backendRefs: [{name: other, filters: [{type: RequestMirror, requestMirror: {backendRef: {name: blue}}}]}]}]}}`)
	tests := []struct {
		name, labels string
		want         []string
	}{
		{"two Services", `{app: hello, slot: blue}`, []string{
			"service hello (reached by [ingress/web httproute/web httproute/edge/web])",
			"service blue (reached by [ingress/rest httproute/mirror httproute/inner])"}},
		{"a Service that nothing leads to", `{app: hello, slot: green}`, []string{
			"service hello (reached by [ingress/web httproute/web httproute/edge/web])", "service green"}},
		{"no Service", `{app: world}`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, referrer := range Referrers(object[map[string]string](t, test.labels), services, ingresses, routes) {
				got = append(got, referrer.String())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// endpointsText is an Endpoints on one line per port, with what is empty left out.
func endpointsText(e Endpoints) string {
	var b strings.Builder
	for _, port := range e.Ports {
		fmt.Fprintf(&b, "%s:", PortLabel(port.Port))
		for _, set := range []struct {
			name    string
			members Set
		}{{"ready", port.Ready}, {"draining", port.Draining}, {"not ready", port.NotReady}} {
			if len(set.members) > 0 {
				fmt.Fprintf(&b, " %s %v", set.name, set.members.Sorted())
			}
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "all %v", e.All.Sorted())
	if len(e.Portless) > 0 {
		fmt.Fprintf(&b, " portless %v", e.Portless.Sorted())
	}
	return b.String()
}

// slice is an EndpointSlice of Service hello with the given ports and endpoints.
func slice(ports string, endpoints ...string) string {
	return `
metadata: {name: hello-1, namespace: shop, labels: {kubernetes.io/service-name: hello}}
addressType: IPv4
ports: ` + ports + `
endpoints: [` + strings.Join(endpoints, ", ") + `]`
}

// endpoint is one of pod uid with the given conditions.
func endpoint(uid, conditions string) string {
	return `{addresses: [10.1.0.` + uid[1:] + `], conditions: {` + conditions + `}, targetRef: {kind: Pod, name: ` + uid + `, uid: ` + uid + `}}`
}

func TestEndpointsOf(t *testing.T) {
	const (
		http  = `[{name: http, port: 8080, protocol: TCP}]`
		grpc  = `[{name: grpc, port: 9090, protocol: TCP}]`
		ready = "ready: true, serving: true, terminating: false"
	)
	ports := `[{name: http, port: 80, targetPort: web}, {name: grpc, port: 90, targetPort: grpc}]`
	tests := []struct {
		name   string
		ports  string
		slices []string
		want   string
	}{
		{"no slices", ports, nil, "http:\ngrpc:\nall []"},
		{"every port in one slice", ports, []string{slice(`[{name: http, port: 8080}, {name: grpc, port: 9090}]`, endpoint("p1", ready), endpoint("p2", ready))},
			"http: ready [p1 p2]\ngrpc: ready [p1 p2]\nall [p1 p2]"},
		{"a named port that some pods lack", ports, []string{slice(http, endpoint("p1", ready), endpoint("p2", ready)), slice(grpc, endpoint("p1", ready))},
			"http: ready [p1 p2]\ngrpc: ready [p1]\nall [p1 p2]"},
		{"more than fit into one slice", ports, []string{slice(http, endpoint("p1", ready)), slice(http, endpoint("p2", ready))},
			"http: ready [p1 p2]\ngrpc:\nall [p1 p2]"},
		{"two address families count a pod once", ports, []string{slice(http, endpoint("p1", ready)),
			strings.NewReplacer("IPv4", "IPv6", "10.1.0.1", "fd00::1").Replace(slice(http, endpoint("p1", ready)))},
			"http: ready [p1]\ngrpc:\nall [p1]"},
		{"unset conditions mean ready", ports, []string{slice(http, `{addresses: [10.1.0.1], targetRef: {kind: Pod, name: a, uid: p1}}`, endpoint("p2", ""))},
			"http: ready [p1 p2]\ngrpc:\nall [p1 p2]"},
		{"not ready", ports, []string{slice(http, endpoint("p1", "ready: false, serving: false"), endpoint("p2", "ready: false"))},
			"http: not ready [p1 p2]\ngrpc:\nall [p1 p2]"},
		{"terminating", ports, []string{slice(http, endpoint("p1", "ready: false, serving: true, terminating: true"), endpoint("p2", "ready: false, serving: false, terminating: true"),
			endpoint("p3", "ready: false, terminating: true"))},
			"http: draining [p1] not ready [p2 p3]\ngrpc:\nall [p1 p2 p3]"},
		{"publishNotReadyAddresses makes everything ready", ports, []string{slice(http, endpoint("p1", "ready: true, serving: false, terminating: true"))},
			"http: ready [p1]\ngrpc:\nall [p1]"},
		{"a slice without ports receives nothing", ports, []string{slice("null", endpoint("p1", ready)), slice("[]", endpoint("p2", ready))},
			"http:\ngrpc:\nall [p1 p2] portless [p1 p2]"},
		{"a port without a number receives nothing", ports, []string{slice(`[{name: http}, {name: grpc, port: 0}]`, endpoint("p1", ready))}, "http:\ngrpc:\nall [p1]"},
		{"unnamed ports", `[{port: 80}]`, []string{slice(`[{port: 8080}]`, endpoint("p1", ready)), slice(`[{name: "", port: 8080}]`, endpoint("p2", ready))},
			"80: ready [p1 p2]\nall [p1 p2]"},
		{"the same name, another protocol", `[{name: dns, port: 53, protocol: UDP}]`, []string{slice(`[{name: dns, port: 53}]`, endpoint("p1", ready)),
			slice(`[{name: dns, port: 53, protocol: UDP}]`, endpoint("p2", ready))},
			"dns: ready [p2]\nall [p1 p2]"},
		{"endpoints that are no pods", ports, []string{slice(http, `{addresses: [192.0.2.1]}`, `{addresses: []}`)}, "http: ready [ 192.0.2.1]\ngrpc:\nall [ 192.0.2.1]"},
		{"slices of others", ports, []string{strings.Replace(slice(http, endpoint("p1", ready)), "service-name: hello", "service-name: world", 1),
			strings.Replace(slice(http, endpoint("p2", ready)), "namespace: shop", "namespace: other", 1),
			strings.Replace(slice(http, endpoint("p3", ready)), "labels: {kubernetes.io/service-name: hello}", "labels: {}", 1)},
			"http:\ngrpc:\nall []"},
		{"a headless Service without ports", `[]`, []string{slice("[]", endpoint("p1", ready), endpoint("p2", "ready: false"))}, "<all>: ready [p1] not ready [p2]\nall [p1 p2]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			service := object[corev1.Service](t, "metadata: {name: hello, namespace: shop}\nspec: {ports: "+test.ports+"}")
			if got := endpointsText(EndpointsOf(&service, objects[discoveryv1.EndpointSlice](t, test.slices...))); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestSet(t *testing.T) {
	set := Set{"p2": {}, "p1": {}, "10.1.0.3": {}}
	pods := objects[corev1.Pod](t, `{metadata: {uid: p1}}`, `{metadata: {uid: p2}}`, `{metadata: {uid: p3}}`)
	if got, want := fmt.Sprint(set.Sorted(), set.CountIn(pods), set.Has("p1"), set.Has("p3"), Set(nil).CountIn(pods)), "[10.1.0.3 p1 p2] 2 true false 0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRouted(t *testing.T) {
	pods := objects[corev1.Pod](t,
		`{metadata: {uid: p1}, status: {podIPs: [{ip: 10.1.0.1}, {ip: "fd00::1"}]}}`,
		`{metadata: {uid: p2}, status: {podIPs: [{ip: 10.1.0.2}]}}`,
		`{metadata: {uid: p3}, spec: {hostNetwork: true}, status: {podIPs: [{ip: 192.168.0.1}]}}`,
		`{metadata: {uid: p4}, status: {phase: Failed, podIPs: [{ip: 10.1.0.4}]}}`)
	of := func(service, text string) string {
		return strings.Replace(text, "service-name: hello", "service-name: "+service, 1)
	}
	const gone = "ready: false, serving: false, terminating: true"
	tests := []struct {
		name   string
		slices []string
		want   string
	}{
		{"nothing", nil, ""},
		{"other pods", []string{slice("[]", endpoint("p8", ""), endpoint("p9", ""))}, ""},
		{"in any state, on any port", []string{slice("[]", endpoint("p1", gone), endpoint("p2", ""))}, "hello 2"},
		{"of several Services", []string{slice("[]", endpoint("p1", "")), of("preview", slice("[]", endpoint("p1", ""), endpoint("p2", "")))}, "hello 1, preview 2"},
		{"in several slices", []string{slice("[]", endpoint("p1", "")), slice("[{name: a, port: 1}]", endpoint("p1", ""))}, "hello 1"},
		{"by address, in both families", []string{slice("[]", `{addresses: [10.1.0.1]}`, `{addresses: ["fd00::1"]}`)}, "hello 1"},
		{"by an address that is its node's", []string{slice("[]", `{addresses: [192.168.0.1]}`)}, ""},
		{"by an address that it had", []string{slice("[]", `{addresses: [10.1.0.4]}`)}, ""},
		{"by an address that is another pod's by now", []string{slice("[]", strings.Replace(endpoint("p1", ""), "uid: p1", "uid: q1", 1))}, ""},
		{"of no Service", []string{strings.Replace(slice("[]", endpoint("p1", "")), "labels: {kubernetes.io/service-name: hello}", "labels: {}", 1)}, " 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for service, count := range Routed(objects[discoveryv1.EndpointSlice](t, test.slices...), pods) {
				got = append(got, fmt.Sprintf("%s %d", service, count))
			}
			sort.Strings(got)
			if text := strings.Join(got, ", "); text != test.want {
				t.Errorf("got %q, want %q", text, test.want)
			}
		})
	}
}
