package release

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"
)

func eventsOf(client *fake.Clientset, said *lines) *Events {
	return &Events{
		Client: client, Component: "kubectl-bluegreen", Say: said.say,
		About: corev1.ObjectReference{APIVersion: "v1", Kind: "Service", Namespace: "shop", Name: "hello", UID: "s1"},
	}
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, said := fake.NewClientset(), &lines{}
		ended, cancel := context.WithCancel(t.Context())
		cancel() // an interrupted release still has its last word
		eventsOf(client, said).Warning(ended, "SoakFailed", "release %s: %s", "1a2b", "too slow")
		event, err := client.CoreV1().Events("shop").Get(t.Context(), "hello.d234ccf52430000", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		event.ManagedFields = nil
		text, err := yaml.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		want := `apiVersion: v1
count: 1
eventTime: null
firstTimestamp: "2000-01-01T00:00:00Z"
involvedObject:
  apiVersion: v1
  kind: Service
  name: hello
  namespace: shop
  uid: s1
kind: Event
lastTimestamp: "2000-01-01T00:00:00Z"
message: 'release 1a2b: too slow'
metadata:
  name: hello.d234ccf52430000
  namespace: shop
reason: SoakFailed
reportingComponent: kubectl-switchyard.github.io/kubectl-bluegreen
reportingInstance: ""
source:
  component: kubectl-bluegreen
type: Warning
`
		if string(text) != want || said.String() != "" {
			t.Errorf("got\n%s%s\nwant\n%s", text, said, want)
		}
	})
}

func TestEventsDegrade(t *testing.T) {
	tests := []struct {
		name   string
		answer error
		dryRun bool
		tries  int
		said   []string
	}{
		{name: "no right: said once, tried once", answer: apierrors.NewForbidden(corev1.Resource("events"), "", errors.New("no role")), tries: 1,
			said: []string{"the Event Switched was not written: events is forbidden: no role"}},
		{name: "an API server that restarts: each is tried", answer: apierrors.NewServiceUnavailable("starting"), tries: 2,
			said: []string{"the Event Switched was not written: starting", "the Event Released was not written: starting"}},
		{name: "a dry run", dryRun: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client, said, tries := fake.NewClientset(), &lines{}, 0
			client.PrependReactor("create", "events", func(clienttesting.Action) (bool, runtime.Object, error) {
				tries++
				return true, nil, test.answer
			})
			events := eventsOf(client, said)
			events.DryRun = test.dryRun
			events.Normal(t.Context(), "Switched", "to green")
			events.Normal(t.Context(), "Released", "done")
			if got := said.String(); got != strings.Join(test.said, "\n") || tries != test.tries {
				t.Errorf("tried %d times, said\n%s\nwant %d times and\n%s", tries, got, test.tries, strings.Join(test.said, "\n"))
			}
		})
	}
}
