package release

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-switchyard/switchyard/pkg/kube"
)

const helloSlice = `
metadata: {name: hello-1, namespace: shop, labels: {kubernetes.io/service-name: hello}}
addressType: IPv4
ports: [{name: http, port: 8080, protocol: TCP}]
endpoints:
- {addresses: [10.1.0.1], targetRef: {kind: Pod, name: hello-2-a, namespace: shop, uid: p1}}
- {addresses: [10.1.0.2], targetRef: {kind: Pod, name: hello-2-b, namespace: shop, uid: p2}}`

func TestDrain(t *testing.T) {
	preview := strings.NewReplacer("name: hello-1", "name: preview-1", "service-name: hello", "service-name: hello-preview").Replace(helloSlice)
	gone := strings.ReplaceAll(helloSlice, "uid: p", "uid: q")
	tests := []struct {
		name    string
		slices  []string
		ignored []string
		// later is the slice hello-1 after five seconds, "" for no change.
		later string
		want  string
		took  time.Duration
	}{
		{name: "nothing routes to the pods", slices: []string{gone}, want: "<nil>", took: 10 * time.Second},
		{name: "no endpoints at all", want: "<nil>", took: 10 * time.Second},
		{name: "they go after a while", slices: []string{helloSlice}, later: gone, want: "<nil>", took: 15 * time.Second},
		{name: "only an ignored Service routes to them", slices: []string{gone, preview}, ignored: []string{"hello-preview"}, want: "<nil>", took: 10 * time.Second},
		{name: "they never go", slices: []string{helloSlice, preview}, want: "4: timed out: pods still have endpoints (pods by service: map[hello:2 hello-preview:2])", took: time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := fake.NewClientset()
				for _, text := range test.slices {
					if err := client.Tracker().Add(object[discoveryv1.EndpointSlice](t, text)); err != nil {
						t.Fatal(err)
					}
				}
				if test.later != "" {
					time.AfterFunc(5*time.Second, func() {
						_, _ = client.DiscoveryV1().EndpointSlices("shop").Update(context.Background(), object[discoveryv1.EndpointSlice](t, test.later), metav1.UpdateOptions{})
					})
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				pods := []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "hello-2-a", UID: "p1"}}, {ObjectMeta: metav1.ObjectMeta{Name: "hello-2-b", UID: "p2"}}}
				start := time.Now()
				err := Drain(ctx, &kube.Client{Watching: client}, "shop", pods, test.ignored, 10*time.Second)
				if got := describeError(err); got != test.want || time.Since(start) != test.took {
					t.Errorf("got  %s after %s\nwant %s after %s", got, time.Since(start), test.want, test.took)
				}
			})
		})
	}
}

func TestDrainFails(t *testing.T) {
	tests := []struct {
		name   string
		answer error
		want   string
	}{
		{"no right to see the endpoints", apierrors.NewForbidden(discoveryv1.Resource("endpointslices"), "", errors.New("no role")), "7: endpointslices.discovery.k8s.io is forbidden: no role"},
		{"the API server is away", apierrors.NewServiceUnavailable("starting"),
			"4: timed out: the endpoints of the pods were not seen: context deadline exceeded (the API server could not be watched: starting)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := fake.NewClientset()
				client.PrependReactor("list", "endpointslices", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, test.answer })
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if got := describeError(Drain(ctx, &kube.Client{Watching: client}, "shop", nil, nil, 0)); got != test.want {
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
			})
		})
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := Sleep(t.Context(), time.Hour); err != nil || time.Since(start) != time.Hour {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start = time.Now()
		if err := Sleep(ctx, time.Hour); err != context.DeadlineExceeded || time.Since(start) != time.Minute {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
		if err := Sleep(t.Context(), -time.Hour); err != nil {
			t.Errorf("a time that is over: %v", err)
		}
	})
}
