package release

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
)

// The Deployment that is waited for. The bubble's clock begins at 2000-01-01T00:00:00Z.
const helloDeployment = `
metadata: {name: hello, namespace: shop, uid: d1, generation: 2}
spec:
  replicas: %d
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec: {containers: [{name: app, image: "hello:2", readinessProbe: {httpGet: {port: 80}, periodSeconds: 1}}]}
status: {observedGeneration: 2, replicas: %d, updatedReplicas: %d, readyReplicas: %d, availableReplicas: %d}`

const helloSet = `
metadata:
  name: hello-2
  namespace: shop
  uid: r2
  labels: {app: hello, pod-template-hash: "2"}
  creationTimestamp: "1999-12-31T23:59:00Z"
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: hello, uid: d1, controller: true}]
spec:
  selector: {matchLabels: {app: hello, pod-template-hash: "2"}}
  template:
    metadata: {labels: {app: hello, pod-template-hash: "2"}}
    spec: {containers: [{name: app, image: "hello:2", readinessProbe: {httpGet: {port: 80}, periodSeconds: 1}}]}`

const helloPod = `
metadata:
  name: hello-2-a
  namespace: shop
  uid: p1
  labels: {app: hello, pod-template-hash: "2"}
  creationTimestamp: "1999-12-31T23:59:55Z"
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: hello-2, uid: r2, controller: true}]
spec: {nodeName: n1, containers: [{name: app, image: "hello:2", readinessProbe: {httpGet: {port: 80}, periodSeconds: 1}}]}
status:
`

const (
	readyPod = helloPod + `
  phase: Running
  conditions: [{type: Ready, status: "True"}]
  containerStatuses: [{name: app, image: i, imageID: i, ready: true, restartCount: 0, state: {running: {startedAt: "1999-12-31T23:59:57Z"}}}]`
	unreadyPod = helloPod + `
  phase: Running
  conditions: [{type: Ready, status: "False", lastTransitionTime: "1999-12-31T23:59:55Z"}]
  containerStatuses: [{name: app, image: i, imageID: i, ready: false, restartCount: 0, state: {running: {startedAt: "1999-12-31T23:59:57Z"}}}]`
	crashingPod = helloPod + `
  phase: Running
  conditions: [{type: Ready, status: "False", lastTransitionTime: "1999-12-31T23:59:55Z"}]
  containerStatuses:
  - {name: app, image: i, imageID: i, ready: false, restartCount: 2, state: {waiting: {reason: CrashLoopBackOff, message: back-off 20s}},
     lastState: {terminated: {exitCode: 1, reason: Error, startedAt: "1999-12-31T23:59:57Z", finishedAt: "1999-12-31T23:59:59Z"}}}`
	mountingPod = helloPod + `
  phase: Pending
  conditions: [{type: Ready, status: "False", lastTransitionTime: "1999-12-31T23:59:55Z"}]
  containerStatuses: [{name: app, image: i, imageID: "", ready: false, restartCount: 0, state: {waiting: {reason: ContainerCreating}}}]`
)

const helloEvent = `
metadata: {name: %[1]s, namespace: shop}
type: Warning
reason: %[2]s
message: %[3]q
count: 4
firstTimestamp: "1999-12-31T23:59:58Z"
lastTimestamp: "1999-12-31T23:59:59Z"
involvedObject: {kind: Pod, namespace: shop, name: hello-2-a, uid: p1, fieldPath: "spec.containers{app}"}`

// hello returns the Deployment with the given replicas, and as many of its pods in each state.
func hello(t *testing.T, replicas, current, updated, ready, available int) *appsv1.Deployment {
	return object[appsv1.Deployment](t, fmt.Sprintf(helloDeployment, replicas, current, updated, ready, available))
}

// cluster is a fake one with the Deployment, its ReplicaSet, and the given pod and Events, "" for none.
func cluster(t *testing.T, d *appsv1.Deployment, pod string, events ...string) *fake.Clientset {
	t.Helper()
	objects := []runtime.Object{d, object[appsv1.ReplicaSet](t, helloSet)}
	if pod != "" {
		objects = append(objects, object[corev1.Pod](t, pod))
	}
	for _, event := range events {
		objects = append(objects, object[corev1.Event](t, event))
	}
	return fake.NewClientset(objects...)
}

func forbid(client *fake.Clientset, verb, resource, subresource string) {
	client.PrependReactor(verb, resource, func(action clienttesting.Action) (bool, runtime.Object, error) {
		if action.GetSubresource() != subresource {
			return false, nil, nil
		}
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no role"))
	})
}

// viaHTTP is what the fake clientset puts before the error of a log request.
var viaHTTP = regexp.MustCompile(`(Get "[^"]*": )+`)

// awaitHello waits for the Deployment for up to a minute, and returns the outcome, what was told, and how long it took.
func awaitHello(t *testing.T, client *fake.Clientset, done func(Awaited) (bool, error)) (string, string, time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var told []string
	start := time.Now()
	err := WaitFor{
		Client: &kube.Client{Typed: client, Watching: client}, Namespace: "shop", Deployment: "hello",
		Peers: []time.Duration{2 * time.Second}, Done: done, Progress: func(line string) { told = append(told, line) },
	}.Wait(ctx)
	return viaHTTP.ReplaceAllString(describeError(err), ""), strings.Join(told, "\n"), time.Since(start)
}

func TestWait(t *testing.T) {
	refused := fmt.Sprintf(helloEvent, "e1", "Unhealthy", "Readiness probe failed: connection refused")
	killed := fmt.Sprintf(helloEvent, "e1", "Killing", "Container app failed liveness probe, will be restarted")
	missing := fmt.Sprintf(helloEvent, "e1", "FailedMount", `MountVolume.SetUp failed for volume "tls" : secret "tls" not found`)
	tests := []struct {
		name   string
		pod    string
		events []string
		forbid []string
		want   string
		told   string
		took   time.Duration
	}{
		{
			name: "a crash loop, with the log's last lines", pod: crashingPod,
			want: "1: deployment hello does not become available: CrashLoop: 1 of 1 pod: container \"app\" exits with code 1 after 2s, restarted 2 times\n" +
				"  last lines of the log of pod hello-2-a, container app:\n    fake logs",
			told: `0 of 2 available (0 ready, 1 updated); CrashLoop: 1 of 1 pod: container "app" exits with code 1 after 2s, restarted 2 times`,
		},
		{
			name: "a crash loop that a probe makes", pod: crashingPod, events: []string{killed},
			want: "1: deployment hello does not become available: CrashLoop: 1 of 1 pod: container \"app\" is killed by its liveness probe, restarted 2 times\n" +
				"  last lines of the log of pod hello-2-a, container app:\n    fake logs",
			told: `0 of 2 available (0 ready, 1 updated); CrashLoop: 1 of 1 pod: container "app" is killed by its liveness probe, restarted 2 times`,
		},
		{
			name: "a crash loop without rights to Events and logs", pod: crashingPod, forbid: []string{"events", "pods/log"},
			want: "1: deployment hello does not become available: CrashLoop: 1 of 1 pod: container \"app\" exits with code 1 after 2s, restarted 2 times\n" +
				"  (its log was not read: pods is forbidden: no role)",
			told: `0 of 2 available (0 ready, 1 updated); CrashLoop: 1 of 1 pod: container "app" exits with code 1 after 2s, restarted 2 times`,
		},
		{
			name: "not ready for long, with the probe's own words", pod: unreadyPod, events: []string{refused},
			want: `1: deployment hello does not become available: NotReady: 1 of 1 pod: container "app" is running but still not ready after 20s: Readiness probe failed: connection refused`,
			told: "0 of 2 available (0 ready, 1 updated)\n" +
				"0 of 2 available (0 ready, 1 updated); NotReady: 1 of 1 pod: container \"app\" is running but not ready: Readiness probe failed: connection refused\n" +
				"0 of 2 available (0 ready, 1 updated); NotReady: 1 of 1 pod: container \"app\" is running but still not ready after 20s: Readiness probe failed: connection refused",
			took: 18 * time.Second,
		},
		{
			name: "not ready for long, without the right to Events", pod: unreadyPod, events: []string{refused}, forbid: []string{"events"},
			want: "1: deployment hello does not become available: NotReady: 1 of 1 pod: container \"app\" is running but still not ready after 20s\n" +
				"  (the Events about its pods were not read: events is forbidden: no role)",
			told: "0 of 2 available (0 ready, 1 updated)\n" +
				"0 of 2 available (0 ready, 1 updated); NotReady: 1 of 1 pod: container \"app\" is running but not ready\n" +
				"0 of 2 available (0 ready, 1 updated); NotReady: 1 of 1 pod: container \"app\" is running but still not ready after 20s",
			took: 18 * time.Second,
		},
		{
			name: "a missing Secret, which only an Event tells", pod: mountingPod, events: []string{missing},
			want: `1: deployment hello does not become available: ContainerConfig: 1 of 1 pod: FailedMount: MountVolume.SetUp failed for volume "tls" : secret "tls" not found`,
			told: `0 of 2 available (0 ready, 1 updated); ContainerConfig: 1 of 1 pod: FailedMount: MountVolume.SetUp failed for volume "tls" : secret "tls" not found`,
		},
		{
			name: "nothing wrong and never full", pod: readyPod,
			want: "4: timed out: deployment hello: 0 of 2 available (0 ready, 1 updated)",
			told: "0 of 2 available (0 ready, 1 updated)",
			took: time.Minute,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := cluster(t, hello(t, 2, 1, 1, 0, 0), test.pod, test.events...)
				for _, resource := range test.forbid {
					resource, subresource, _ := strings.Cut(resource, "/")
					forbid(client, "*", resource, subresource)
				}
				got, told, took := awaitHello(t, client, Full(2))
				if got != test.want || told != test.told || took.Round(time.Second) != test.took {
					t.Errorf("got after %s:\n%s\ntold:\n%s\nwant after %s:\n%s\ntold:\n%s", took, got, told, test.took, test.want, test.told)
				}
			})
		})
	}
}

func TestWaitUntilFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := cluster(t, hello(t, 2, 1, 1, 1, 1), readyPod)
		update := func(d *appsv1.Deployment) {
			if _, err := client.AppsV1().Deployments("shop").Update(t.Context(), d, metav1.UpdateOptions{}); err != nil {
				t.Error(err)
			}
		}
		stale := hello(t, 2, 2, 2, 2, 2)
		stale.Generation = 3
		time.AfterFunc(5*time.Second, func() { update(stale) })
		time.AfterFunc(10*time.Second, func() { update(hello(t, 2, 3, 2, 3, 3)) })
		time.AfterFunc(15*time.Second, func() { update(hello(t, 2, 2, 2, 2, 2)) })
		got, told, took := awaitHello(t, client, Full(2))
		wantTold := "1 of 2 available (1 ready, 1 updated)\n2 of 2 available (2 ready, 2 updated)\n3 of 2 available (3 ready, 2 updated)\n2 of 2 available (2 ready, 2 updated)"
		if got != "<nil>" || told != wantTold || took != 15*time.Second {
			t.Errorf("got %s after %s, told:\n%s\nwant <nil> after 15s, told:\n%s", got, took, told, wantTold)
		}
	})
}

func TestWaitForMoreThanItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, _, _ := awaitHello(t, cluster(t, hello(t, 2, 2, 2, 2, 2), readyPod), Full(3))
		if want := "4: timed out: deployment hello: 2 of 2 available (2 ready, 2 updated)"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestWaitSeesThePods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := cluster(t, hello(t, 2, 2, 2, 2, 2), readyPod)
		for _, text := range []string{
			strings.NewReplacer("name: hello-2-a", "name: hello-2-b", "uid: p1", "uid: p2\n  deletionTimestamp: \"2000-01-01T00:00:00Z\"").Replace(readyPod),
			strings.NewReplacer("name: hello-2-a", "name: hello-1-a", "uid: p1", "uid: p3", "uid: r2", "uid: r1").Replace(readyPod),
			strings.NewReplacer("name: hello-2-a", "name: other", "uid: p1", "uid: p4", "uid: r2", "uid: x").Replace(readyPod),
		} {
			if err := client.Tracker().Add(object[corev1.Pod](t, text)); err != nil {
				t.Fatal(err)
			}
		}
		before := object[appsv1.ReplicaSet](t, strings.NewReplacer("name: hello-2", "name: hello-1", "uid: r2", "uid: r1", "hello:2", "hello:1").Replace(helloSet))
		if err := client.Tracker().Add(before); err != nil {
			t.Fatal(err)
		}
		saw := ""
		got, _, _ := awaitHello(t, client, func(seen Awaited) (bool, error) {
			saw = fmt.Sprint(podNames(seen.Pods), podNames(seen.Older))
			return true, nil
		})
		if want := "[hello-2-a] [hello-1-a]"; got != "<nil>" || saw != want {
			t.Errorf("got %s, pods %s, want %s", got, saw, want)
		}
	})
}

func podNames(pods []corev1.Pod) []string {
	var names []string
	for _, pod := range pods {
		names = append(names, pod.Name)
	}
	return names
}

func TestWaitEnds(t *testing.T) {
	tests := []struct {
		name   string
		change func(*testing.T, *fake.Clientset)
		done   func(Awaited) (bool, error)
		want   string
	}{
		{name: "the Deployment is deleted", change: func(t *testing.T, client *fake.Clientset) {
			time.AfterFunc(5*time.Second, func() {
				_ = client.AppsV1().Deployments("shop").Delete(context.Background(), "hello", metav1.DeleteOptions{})
			})
		}, want: "1: deployment hello was deleted while it was being waited for"},
		{name: "there is no Deployment", change: func(t *testing.T, client *fake.Clientset) {
			_ = client.AppsV1().Deployments("shop").Delete(t.Context(), "hello", metav1.DeleteOptions{})
		}, want: `2: deployments.apps "hello" not found`},
		{name: "Done says that it never will be", done: func(Awaited) (bool, error) { return false, exit.Errorf(exit.No, "never") }, want: "1: never"},
		{name: "pods cannot be watched", change: func(_ *testing.T, client *fake.Clientset) { forbid(client, "list", "pods", "") }, want: "7: pods is forbidden: no role"},
		{name: "the API server is away from the start", change: func(_ *testing.T, client *fake.Clientset) {
			client.PrependReactor("list", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, nil, apierrors.NewServiceUnavailable("starting")
			})
		}, want: "4: timed out: deployment hello was not seen: context deadline exceeded (the API server could not be watched: starting)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := cluster(t, hello(t, 2, 1, 1, 1, 1), readyPod)
				if test.change != nil {
					test.change(t, client)
				}
				done := test.done
				if done == nil {
					done = Full(2)
				}
				if got, _, _ := awaitHello(t, client, done); got != test.want {
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
			})
		})
	}
}

func TestWaitIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		client := cluster(t, hello(t, 2, 1, 1, 1, 1), readyPod)
		err := WaitFor{Client: &kube.Client{Typed: client, Watching: client}, Namespace: "shop", Deployment: "hello", Done: Full(2), Progress: func(string) {}}.Wait(ctx)
		if got, want := describeError(err), "130: interrupted: deployment hello: 1 of 2 available (1 ready, 1 updated)"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// TestWaitReadsFewEvents: a namespace full of pods in trouble costs three small requests every ten seconds.
func TestWaitReadsFewEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := cluster(t, hello(t, 9, 9, 9, 0, 0), "")
		for _, letter := range strings.Split("abcdefghi", "") {
			pod := object[corev1.Pod](t, strings.NewReplacer("hello-2-a", "hello-2-"+letter, "uid: p1", "uid: p"+letter).Replace(mountingPod))
			if err := client.Tracker().Add(pod); err != nil {
				t.Fatal(err)
			}
		}
		var asked []string
		client.PrependReactor("list", "events", func(action clienttesting.Action) (bool, runtime.Object, error) {
			asked = append(asked, action.(clienttesting.ListActionImpl).ListRestrictions.Fields.String())
			return false, nil, nil
		})
		start := time.Now()
		_, _, _ = awaitHello(t, client, func(Awaited) (bool, error) { return time.Since(start) > 25*time.Second, nil })
		if len(asked) != 9 || !strings.HasPrefix(asked[0], "involvedObject.kind=Pod,involvedObject.name=hello-2-") {
			t.Errorf("asked %d times: %q, want 9 times", len(asked), asked)
		}
	})
}
