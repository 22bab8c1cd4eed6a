package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

// patched is the Deployment after a merge patch, as the API server would have it.
func patched(t *testing.T, d *appsv1.Deployment, fields kube.Fields) *appsv1.Deployment {
	t.Helper()
	before, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	after, err := jsonpatch.MergePatch(before, patch)
	if err != nil {
		t.Fatal(err)
	}
	result := &appsv1.Deployment{}
	if err := json.Unmarshal(after, result); err != nil {
		t.Fatal(err)
	}
	return result
}

// wantSame compares two Deployments.
func wantSame(t *testing.T, got, want *appsv1.Deployment) {
	t.Helper()
	text, err := yaml.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	wantYAML(t, got, string(text))
}

func TestHoldAndRestore(t *testing.T) {
	const rolling = `
metadata: {name: hello, namespace: shop, annotations: {team: shop}}
spec:
  replicas: 4
  minReadySeconds: 5
  progressDeadlineSeconds: 120
  selector: {matchLabels: {app: hello}}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 1}}
  template:
    metadata: {labels: {app: hello}}
    spec: {containers: [{name: app, image: "shop/hello:1.0"}]}
`
	tests := []struct{ name, original string }{
		{"rolling update", rolling},
		{"recreate", strings.Replace(rolling, "{type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 1}}", "{type: Recreate}", 1)},
		{"rolling update of which nothing is said", strings.Replace(rolling, ", rollingUpdate: {maxSurge: 25%, maxUnavailable: 1}", "", 1)},
		{"of maxSurge only", strings.Replace(rolling, ", maxUnavailable: 1", "", 1)},
		{"no deadline, no minReadySeconds", strings.NewReplacer("  minReadySeconds: 5\n", "", "  progressDeadlineSeconds: 120\n", "").Replace(rolling)},
		{"no annotations", strings.Replace(rolling, ", annotations: {team: shop}", "", 1)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			original := parse[appsv1.Deployment](t, test.original)
			fields, err := holdFields(&original, "slot", "blue")
			if err != nil {
				t.Fatal(err)
			}
			during := patched(t, &original, fields)
			before, err := readHeld(during)
			if err != nil || before == nil {
				t.Fatalf("not held: %+v, %v", before, err)
			}
			wantYAML(t, map[string]any{"strategy": during.Spec.Strategy, "minReadySeconds": during.Spec.MinReadySeconds, "deadline": during.Spec.ProgressDeadlineSeconds,
				"labels": during.Spec.Template.Labels, "ownMinReady": ownMinReady(during)}, fmt.Sprintf(`
strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 100%%, maxUnavailable: 0}}
minReadySeconds: 86400
deadline: 172800
labels: {app: hello, slot: blue}
ownMinReady: %d`, original.Spec.MinReadySeconds))

			wantSame(t, patched(t, during, restoreFields(before, true)), &original)
			labelled := original.DeepCopy()
			labelled.Spec.Template.Labels["slot"] = "blue"
			wantSame(t, patched(t, during, restoreFields(before, false)), labelled)

			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(during)
			if err != nil {
				t.Fatal(err)
			}
			clone := &unstructured.Unstructured{Object: content}
			clone.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("Deployment"))
			if err := unhold(clone, during); err != nil {
				t.Fatal(err)
			}
			var unheld appsv1.Deployment
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(clone.Object, &unheld); err != nil {
				t.Fatal(err)
			}
			labelled.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("Deployment"))
			wantSame(t, &unheld, labelled)
		})
	}
}

func TestReadHeld(t *testing.T) {
	d := &appsv1.Deployment{}
	d.Name = "hello"
	if before, err := readHeld(d); before != nil || err != nil {
		t.Errorf("without the annotation: got %+v, %v", before, err)
	}
	d.Annotations = map[string]string{release.AnnotationHeld: "{"}
	_, err := readHeld(d)
	wantText(t, errorText(err), "exit 1: deployment hello: annotation kubectl-switchyard.github.io/held is unreadable: unexpected end of JSON input")
}

func TestAdoptSteps(t *testing.T) {
	const held = `kind: Deployment
metadata: {name: hello, annotations: {kubectl-switchyard.github.io/held: '{"key":"slot"}'}}
spec: {minReadySeconds: 86400, template: {metadata: {labels: {app: hello, slot: blue}}}}
---
`
	tests := []struct{ name, objects, want string }{
		{"nothing to adopt", helloService + helloBlue, `
adopt
`},
		{"pods without a label", selecting("hello", "app: hello") + selecting("hello-np", "app: hello") + labelled("hello", "app: hello"), `
adopt
  1. give the pods of deployment hello the label slot=blue, new pods beside the old
       kubectl patch deployment/hello -n shop --type=merge -p '{"metadata":{"annotations":{"kubectl-switchyard.github.io/held":"{\"strategy\":{},\"minReadySeconds\":0,\"progressDeadlineSeconds\":null,\"key\":\"slot\"}"}},"spec":{"minReadySeconds":86400,"progressDeadlineSeconds":172800,"strategy":{"rollingUpdate":{"maxSurge":"100%","maxUnavailable":0},"type":"RollingUpdate"},"template":{"metadata":{"labels":{"slot":"blue"}}}}}'
  2. wait until the labelled pods of deployment hello are ready at full size
  3. let service hello, hello-np select slot=blue too
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"blue"}}}'
       kubectl patch service/hello-np -n shop --type=merge -p '{"spec":{"selector":{"slot":"blue"}}}'
  4. wait until nothing routes to the unlabelled pods of deployment hello, then 5s
  5. put the rollout settings of deployment hello back, which ends the unlabelled pods
       kubectl edit deployment hello -n shop   # strategy, minReadySeconds, progressDeadlineSeconds as they were
  6. wait until deployment hello is available at full size
  note: the pods of deployment hello carry no label "slot" yet: they are replaced by a rolling update that keeps every old pod until the new ones are ready and the Service has left the old ones, so no request is lost; it needs room for twice the size
`},
		{"pods with a label", selecting("hello", "app: hello") + labelled("hello", "app: hello, version: v7"), `
adopt
  1. let service hello select version=v7 too
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"version":"v7"}}}'
  note: service hello gains version=v7: all its pods carry that label already, so it goes on selecting the same pods
`},
		{"begun", selecting("hello", "app: hello") + held, `
adopt
  1. give the pods of deployment hello the label slot=blue, new pods beside the old
  2. wait until the labelled pods of deployment hello are ready at full size
  3. let service hello select slot=blue too
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"blue"}}}'
  4. wait until nothing routes to the unlabelled pods of deployment hello, then 5s
  5. put the rollout settings of deployment hello back, which ends the unlabelled pods
       kubectl edit deployment hello -n shop   # strategy, minReadySeconds, progressDeadlineSeconds as they were
  6. wait until deployment hello is available at full size
  note: the pods of deployment hello carry no label "slot" yet: they are replaced by a rolling update that keeps every old pod until the new ones are ready and the Service has left the old ones, so no request is lost; it needs room for twice the size
`},
		{"begun, and the Service selects the label", selecting("hello", "app: hello, slot: blue") + held, `
adopt
  1. give the pods of deployment hello the label slot=blue, new pods beside the old
  2. wait until the labelled pods of deployment hello are ready at full size
  3. let service hello select slot=blue too
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"blue"}}}'
  4. wait until nothing routes to the unlabelled pods of deployment hello, then 5s
  5. put the rollout settings of deployment hello back, which ends the unlabelled pods
       kubectl edit deployment hello -n shop   # strategy, minReadySeconds, progressDeadlineSeconds as they were
  6. wait until deployment hello is available at full size
  note: the pods of deployment hello carry no label "slot" yet: they are replaced by a rolling update that keeps every old pod until the new ones are ready and the Service has left the old ones, so no request is lost; it needs room for twice the size
`},
		{"spoilt", selecting("hello", "app: hello") + strings.Replace(held, `{"key":"slot"}`, "{", 1), `
exit 5: deployment hello: annotation kubectl-switchyard.github.io/held is unreadable: unexpected end of JSON input`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			steps, notes, err := offline().adoptSteps(readCluster(t, test.objects).pairOf(t, "hello", ""))
			text := errorText(err)
			if err == nil {
				text = release.Plan{Title: "adopt", Steps: steps, Notes: notes}.Text()
			}
			wantText(t, text, strings.TrimPrefix(test.want, "\n"))
		})
	}
}
