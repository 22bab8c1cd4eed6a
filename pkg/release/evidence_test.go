package release

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

func TestEvidence(t *testing.T) {
	older := fmt.Sprintf(helloEvent, "older", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500")
	newer := strings.NewReplacer("name: older", "name: newer", "500", "503", "23:59:59", "23:59:59.5").Replace(older)
	newer = strings.Replace(newer, `lastTimestamp: "1999-12-31T23:59:59.5Z"`, `lastTimestamp: "2000-01-01T00:00:09Z"`, 1)
	other := fmt.Sprintf(helloEvent, "other", "Pulled", "Container image already present")
	tests := []struct {
		name     string
		reason   string
		events   []string
		previous string
		current  string
		forbid   []string
		want     string
	}{
		{name: "the log before the crash", reason: workload.ReasonCrashLoop, previous: "starting\npanic: no config\n", current: "starting\n",
			want: "\n  last lines of the log of pod hello-2-a, container app:\n    starting\n    panic: no config"},
		{name: "no log before the crash", reason: workload.ReasonOOMKilled, previous: "!", current: "loading\n",
			want: "\n  last lines of the log of pod hello-2-a, container app:\n    loading"},
		{name: "an empty log", reason: workload.ReasonCrashLoop},
		{name: "a very long line", reason: workload.ReasonCrashLoop, previous: strings.Repeat("x", 1000),
			want: "\n  last lines of the log of pod hello-2-a, container app:\n    " + strings.Repeat("x", logWidth) + "..."},
		{name: "no log to be had", reason: workload.ReasonCrashLoop, previous: "!", current: "!", want: "\n  (its log was not read: no log)"},
		{name: "the latest probe failure", reason: workload.ReasonNotReady, events: []string{older, newer, other},
			want: "\n  the kubelet says of pod hello-2-a: Readiness probe failed: HTTP probe failed with statuscode: 503 (4 times)"},
		{name: "no probe failure", reason: workload.ReasonNotStarted, events: []string{other}},
		{name: "no right to Events", reason: workload.ReasonNotReady, events: []string{older}, forbid: []string{"events"},
			want: "\n  (its probe failures were not read: events is forbidden: no role)"},
		{name: "nothing to add", reason: workload.ReasonUnschedulable, events: []string{older}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := fake.NewClientset()
			for _, text := range test.events {
				if err := client.Tracker().Add(object[corev1.Event](t, text)); err != nil {
					t.Fatal(err)
				}
			}
			client.PrependReactor("get", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
				text := test.current
				if action.(clienttesting.GenericAction).GetValue().(*corev1.PodLogOptions).Previous {
					text = test.previous
				}
				if text == "!" {
					return true, nil, errors.New("no log")
				}
				return true, &runtime.Unknown{Raw: []byte(text)}, nil
			})
			for _, resource := range test.forbid {
				forbid(client, "list", resource, "")
			}
			problem := workload.Problem{Reason: test.reason, Pod: "hello-2-a", Container: "app"}
			if got := viaHTTP.ReplaceAllString(Evidence(t.Context(), client, "shop", problem), ""); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestClip(t *testing.T) {
	for text, want := range map[string]string{"": "", "grün": "grün", "grüner": "grün..."} {
		if got := clip(text, 4); got != want {
			t.Errorf("clip(%q, 4) = %q, want %q", text, got, want)
		}
	}
}
