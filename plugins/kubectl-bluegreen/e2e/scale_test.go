package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"

	"github.com/kubectl-switchyard/switchyard/scripts/e2e"
)

// A namespace of many pods is made of objects alone: pods that no scheduler places, and EndpointSlices that list them. What
// status reads is the same as with pods that run.
const (
	manyPods     = 2000
	podsPerSlice = 100 // as the EndpointSlice controller makes them by default
	mostRequests = 8
	looks        = 5
	creators     = 16
)

// crowd makes a Service with its two sides, and the objects of so many pods of the active one.
func crowd(t testing.TB, n *e2e.Namespace, pods int) {
	t.Helper()
	n.Apply(strings.ReplaceAll(blue+"---"+green, "replicas: 2", "replicas: 0"))
	config, err := clientcmd.BuildConfigFromFlags("", n.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, group := t.Context(), errgroup.Group{}
	group.SetLimit(creators)
	for i := range pods {
		group.Go(func() error {
			_, err := client.CoreV1().Pods(n.Name).Create(ctx, unplaced(i), metav1.CreateOptions{})
			return err
		})
	}
	for first := 0; first < pods; first += podsPerSlice {
		group.Go(func() error {
			_, err := client.DiscoveryV1().EndpointSlices(n.Name).Create(ctx, sliceOf(first, min(first+podsPerSlice, pods)), metav1.CreateOptions{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// unplaced is a pod that waits for a scheduler which does not exist.
func unplaced(i int) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("hello-%d", i), Labels: map[string]string{"app": "hello", "version": "blue"}},
		Spec: corev1.PodSpec{SchedulerName: "nobody", Containers: []corev1.Container{{
			Name: "app", Image: e2e.Image("v1"), Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
		}}},
	}
}

// sliceOf lists the pods from first to before end as ready endpoints of the Service hello.
func sliceOf(first, end int) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("hello-many-%d", first), Labels: map[string]string{
			discoveryv1.LabelServiceName: "hello", discoveryv1.LabelManagedBy: "a-test",
		}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](8080), Protocol: ptr.To(corev1.ProtocolTCP)}},
	}
	for i := first; i < end; i++ {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses:  []string{fmt.Sprintf("10.255.%d.%d", i/250, i%250+1)},
			Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Name: fmt.Sprintf("hello-%d", i), UID: types.UID(fmt.Sprintf("uid-%d", i))},
		})
	}
	return slice
}

// status costs the same handful of requests however many pods there are, and about as long as kubectl takes to list what
// it is made of.
func TestStatusOfALargeNamespace(t *testing.T) {
	var requests []int
	for _, pods := range []int{20, manyPods} {
		n := e2e.NewNamespace(t)
		crowd(t, n, pods)
		proxy := n.StartProxy(e2e.Hooks{})
		text := proxy.Want(0, bluegreen("status")...).Stdout
		if !strings.Contains(text, fmt.Sprintf("%d", pods)) {
			t.Errorf("status does not count the %d endpoints:\n%s", pods, text)
		}
		requests = append(requests, len(proxy.Calls()))
		var ours, bare []time.Duration
		for range looks {
			ours = append(ours, n.Want(0, bluegreen("status")...).Took)
			bare = append(bare, n.Want(0, "get", "deployments,services,endpointslices").Took)
		}
		e2e.Figure(t, fmt.Sprintf("requests of status, %d pods", pods), float64(len(proxy.Calls())), "requests")
		e2e.Figure(t, fmt.Sprintf("status, %d pods, median wall time", pods), median(ours).Seconds(), "s")
		e2e.Figure(t, fmt.Sprintf("kubectl get deploy,svc,endpointslices, %d pods, median wall time", pods), median(bare).Seconds(), "s")
	}
	if requests[0] != requests[1] || requests[1] > mostRequests {
		t.Errorf("status makes %d requests for 20 pods and %d for %d, want the same and at most %d", requests[0], requests[1], manyPods, mostRequests)
	}
}

// BenchmarkStatusOfALargeNamespace is the whole command, as a user runs it, in a namespace of 2,000 pods.
func BenchmarkStatusOfALargeNamespace(b *testing.B) {
	n := e2e.NewNamespace(b)
	crowd(b, n, manyPods)
	for _, one := range []struct {
		name string
		args []string
	}{{"kubectl bluegreen status", bluegreen("status")}, {"kubectl get", []string{"get", "deployments,services,endpointslices"}}} {
		b.Run(one.name, func(b *testing.B) {
			for b.Loop() {
				if r := n.Try(one.args...); r.Code != 0 {
					b.Fatal(r)
				}
			}
		})
	}
}
