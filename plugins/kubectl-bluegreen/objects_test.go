package main

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

// cluster is what the YAML of a test case holds.
type cluster struct {
	world
	pods      []corev1.Pod
	sets      []appsv1.ReplicaSet
	nodes     []corev1.Node
	ingresses []networkingv1.Ingress
	routes    []*unstructured.Unstructured
}

// readCluster reads objects set apart by lines of three dashes. Those without a namespace are of namespace shop; a field
// that its kind does not have fails the test.
func readCluster(t *testing.T, text string) *cluster {
	t.Helper()
	c := &cluster{world: world{NotChecked: map[string]string{}}}
	for _, document := range strings.Split(text, "\n---\n") {
		var head metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			t.Fatalf("the test's YAML: %v\n%s", err, document)
		}
		switch head.Kind {
		case "":
			continue
		case "Service":
			c.Services = append(c.Services, parse[corev1.Service](t, document))
		case "Deployment":
			c.Deployments = append(c.Deployments, parse[appsv1.Deployment](t, document))
		case "EndpointSlice":
			c.Slices = append(c.Slices, parse[discoveryv1.EndpointSlice](t, document))
		case "HorizontalPodAutoscaler":
			c.Autoscalers = append(c.Autoscalers, parse[autoscalingv2.HorizontalPodAutoscaler](t, document))
		case "PodDisruptionBudget":
			c.Budgets = append(c.Budgets, parse[policyv1.PodDisruptionBudget](t, document))
		case "Lease":
			c.Leases = append(c.Leases, parse[coordinationv1.Lease](t, document))
		case "Pod":
			c.pods = append(c.pods, parse[corev1.Pod](t, document))
		case "ReplicaSet":
			c.sets = append(c.sets, parse[appsv1.ReplicaSet](t, document))
		case "Node":
			c.nodes = append(c.nodes, parse[corev1.Node](t, document))
		case "Ingress":
			c.ingresses = append(c.ingresses, parse[networkingv1.Ingress](t, document))
		case "HTTPRoute":
			route := parseObject(t, document)
			route.SetNamespace("shop")
			c.routes = append(c.routes, route)
		default:
			t.Fatalf("the test's YAML: kind %q is not known here", head.Kind)
		}
	}
	return c
}

// parse reads one object.
func parse[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	if err := yaml.UnmarshalStrict([]byte(text), &value); err != nil {
		t.Fatalf("the test's YAML: %v\n%s", err, text)
	}
	if object, ok := any(&value).(metav1.Object); ok && object.GetNamespace() == "" && !strings.Contains(text, "kind: Node") {
		object.SetNamespace("shop")
	}
	return value
}

// parseObject reads an object without a type, numbers as the API machinery has them.
func parseObject(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatalf("the test's YAML: %v\n%s", err, text)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(raw); err != nil {
		t.Fatalf("the test's YAML: %v\n%s", err, text)
	}
	return object
}

// pairOf finds the pair of the named Service of namespace shop.
func (c *cluster) pairOf(t *testing.T, service, key string) *pair {
	t.Helper()
	named := c.service("shop", service)
	if named == nil {
		t.Fatalf("the test's YAML has no Service %q", service)
	}
	p, err := findPair(&c.world, named, key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// client returns a client of a cluster that holds all of c.
func (c *cluster) client(t *testing.T) *kube.Client {
	t.Helper()
	var typed, whole []runtime.Object
	add := func(object runtime.Object) {
		kinds, _, err := scheme.Scheme.ObjectKinds(object)
		if err != nil {
			t.Fatal(err)
		}
		object.GetObjectKind().SetGroupVersionKind(kinds[0])
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			t.Fatal(err)
		}
		typed, whole = append(typed, object), append(whole, &unstructured.Unstructured{Object: content})
	}
	addAll(add, c.Services)
	addAll(add, c.Deployments)
	addAll(add, c.Slices)
	addAll(add, c.Autoscalers)
	addAll(add, c.Budgets)
	addAll(add, c.Leases)
	addAll(add, c.pods)
	addAll(add, c.sets)
	addAll(add, c.nodes)
	addAll(add, c.ingresses)
	for _, route := range c.routes {
		whole = append(whole, route)
	}
	routes := map[schema.GroupVersionResource]string{{Group: gatewayv1.GroupName, Version: "v1", Resource: "httproutes"}: "HTTPRouteList"}
	clientset := fake.NewClientset(typed...)
	return &kube.Client{Typed: clientset, Watching: clientset, Dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(scheme.Scheme, routes, whole...), Namespace: "shop"}
}

func addAll[T any, P interface {
	*T
	runtime.Object
}](add func(runtime.Object), items []T) {
	for i := range items {
		add(P(&items[i]))
	}
}

// actor is one that acts on the named Services of the cluster.
func (c *cluster) actor(t *testing.T, services ...string) *actor {
	t.Helper()
	a := &actor{client: c.client(t), by: "ann@laptop", names: services, events: &release.Events{}}
	a.env = cli.NewEnv(genericiooptions.IOStreams{In: strings.NewReader(""), Out: t.Output(), ErrOut: t.Output()})
	a.messages = a.env.Messages()
	return a
}

// offline is an actor in namespace shop that can reach no cluster.
func offline() *actor {
	return &actor{client: &kube.Client{Namespace: "shop"}, by: "ann@laptop", primary: "hello"}
}

// wantText compares whole texts.
func wantText(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// wantYAML compares a value with a YAML text, both in one form.
func wantYAML(t *testing.T, got any, want string) {
	t.Helper()
	raw, err := yaml.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var parsed any
	if err := yaml.Unmarshal([]byte(want), &parsed); err != nil {
		t.Fatalf("the test's YAML: %v\n%s", err, want)
	}
	canonical, err := yaml.Marshal(parsed)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, string(raw), string(canonical))
}

// errorText is an error with its exit code, "none" for no error.
func errorText(err error) string {
	if err == nil {
		return "none"
	}
	return fmt.Sprintf("exit %d: %v", exit.CodeOf(err), err)
}
