package main

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

// written are the writes that the actor's clients sent, one per line, patches whole.
func written(a *actor) string {
	a.background.Wait()
	var lines []string
	for _, action := range a.client.Typed.(*fake.Clientset).Actions() {
		switch write := action.(type) {
		case clienttesting.PatchAction:
			lines = append(lines, write.GetResource().Resource+"/"+write.GetName()+" "+string(write.GetPatch()))
		case clienttesting.CreateAction:
			if event, ok := write.GetObject().(*corev1.Event); ok {
				lines = append(lines, "event "+event.Reason)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// moveOf is a switch of the Services from blue to green.
func moveOf(services ...string) move {
	r := release.Record{ID: "4a3ca920", Operation: "switch", By: "ann@laptop", SlotKey: "slot", From: "blue", To: "green", Services: services, Phase: release.Switched}
	return move{services: services, key: "slot", from: "blue", to: "green", deployment: "hello-green", peer: "hello-blue", what: "switch to slot=green refused", record: r}
}

func TestMove(t *testing.T) {
	both := side("blue", "shop/hello:1") + side("green", "shop/hello:2")
	versioned := func(name, slot, version string) string {
		return "kind: Service\nmetadata: {name: " + name + ", resourceVersion: '" + version + "'}\nspec: {selector: {app: hello, slot: " + slot + "}, ports: [{port: 80}]}\n---\n"
	}
	noted := `kubectl-switchyard.github.io/release":"{\"id\":\"4a3ca920\"`
	tests := []struct {
		name, objects string
		services      []string
		want          string
		writes        []string
	}{
		{"one Service", versioned("hello", "blue", "7") + both, []string{"hello"}, "none",
			[]string{`"resourceVersion":"7"},"spec":{"selector":{"slot":"green"}}}`, "event Switched"}},
		{"two, the journal with the first", versioned("hello", "blue", "7") + versioned("hello-np", "blue", "8") + both, []string{"hello", "hello-np"}, "none",
			[]string{`"resourceVersion":"7"},"spec":{"selector":{"slot":"green"}}}`, `services/hello-np {"metadata":{"resourceVersion":"8"},"spec":{"selector":{"slot":"green"}}}`, "event Switched"}},
		{"moved elsewhere by somebody", versioned("hello", "red", "7") + both, []string{"hello"},
			`exit 6: service hello: its selector was changed by somebody else: slot is "red", where the plan has "blue"; nothing was written to it`, nil},
		{"the second was moved elsewhere, so the first stays too", versioned("hello", "blue", "7") + versioned("hello-np", "red", "8") + both, []string{"hello", "hello-np"},
			`exit 6: service hello-np: its selector was changed by somebody else: slot is "red", where the plan has "blue"; nothing was written to it`, nil},
		{"a pod is not ready any more", versioned("hello", "blue", "7") + side("blue", "shop/hello:1") + strings.Replace(side("green", "shop/hello:2"), `type: Ready, status: "True"`, `type: Ready, status: "False"`, 1), []string{"hello"},
			"exit 5: switch to slot=green refused: service hello would select app=hello,slot=green: 2 pods, of which 1 of 2 are available; no traffic was moved", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := readCluster(t, test.objects).actor(t, test.services...)
			a.events.Client = a.client.Typed
			wantText(t, errorText(a.move(t.Context(), moveOf(test.services...))), test.want)
			lines := strings.Split(written(a), "\n")
			if test.writes == nil && lines[0] == "" {
				return
			}
			if len(lines) != len(test.writes) || !strings.Contains(lines[0], noted) {
				t.Fatalf("got:\n%s", strings.Join(lines, "\n"))
			}
			for i, line := range lines {
				if !strings.HasSuffix(line, test.writes[i]) {
					t.Errorf("write %d: got %s, want it to end in %s", i+1, line, test.writes[i])
				}
			}
		})
	}
}

func TestMoveGoesOnWhereItWasCutOff(t *testing.T) {
	first := onGreen(annotated(helloService, "release", `{"id":"4a3ca920","to":"green","switchedAt":"2026-11-22T03:00:00Z"}`))
	second := "kind: Service\nmetadata: {name: hello-np, resourceVersion: '8'}\nspec: {selector: {app: hello, slot: blue}}\n---\n"
	a := readCluster(t, first+second+side("blue", "shop/hello:1")+side("green", "shop/hello:2")).actor(t, "hello")
	a.events.Client = a.client.Typed
	wantText(t, errorText(a.move(t.Context(), moveOf("hello", "hello-np"))), "none")
	wantText(t, written(a), `services/hello-np {"metadata":{"resourceVersion":"8"},"spec":{"selector":{"slot":"green"}}}
event Switched`)
}

func TestMoveJudgesAgainAfterAConflict(t *testing.T) {
	a := readCluster(t, helloService+side("blue", "shop/hello:1")+side("green", "shop/hello:2")).actor(t, "hello")
	a.events.Client = a.client.Typed
	clientset, conflicts := a.client.Typed.(*fake.Clientset), 0
	clientset.PrependReactor("patch", "services", func(clienttesting.Action) (bool, runtime.Object, error) {
		if conflicts++; conflicts > 1 {
			return false, nil, nil
		}
		// In between, a pod of the new side is lost.
		if err := clientset.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("pods"), "shop", "green-1"); err != nil {
			return true, nil, err
		}
		return true, nil, apierrors.NewConflict(corev1.Resource("services"), "hello", nil)
	})
	wantText(t, errorText(a.move(t.Context(), moveOf("hello"))), "exit 5: switch to slot=green refused: "+
		"service hello would select app=hello,slot=green: 1 pods, of which 1 of 2 are available; no traffic was moved")
}

func TestRestore(t *testing.T) {
	const held = `
kind: Deployment
metadata: {name: hello, annotations: {kubectl-switchyard.github.io/held: '{"strategy":{"type":"RollingUpdate"},"minReadySeconds":3,"progressDeadlineSeconds":600,"key":"slot"}'}}
spec:
  minReadySeconds: 86400
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 100%, maxUnavailable: 0}}
  template: {metadata: {labels: {app: hello, slot: blue}}}
---
`
	tests := map[string]struct{ objects, want string }{
		"no Service depends on the label": {held + selecting("hello", "app: hello"), "labels {app: hello}, minReadySeconds 3"},
		"one of two does":                 {held + selecting("hello", "app: hello") + selecting("hello-np", "app: hello, slot: blue"), "labels {app: hello, slot: blue}, minReadySeconds 3"},
		"one of another application does": {held + selecting("hello", "app: hello") + selecting("shop", "app: shop, slot: blue"), "labels {app: hello}, minReadySeconds 3"},
		"it is not held":                  {labelled("hello", "app: hello, slot: blue"), "labels {app: hello, slot: blue}, minReadySeconds 0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := readCluster(t, test.objects).actor(t, "hello")
			for range 2 { // a step can be repeated
				if err := a.restore(t.Context(), "hello"); err != nil {
					t.Fatal(err)
				}
			}
			d := a.deploymentNow(t, "hello")
			got := "labels {" + strings.NewReplacer("=", ": ", ",", ", ").Replace(labelText(d.Spec.Template.Labels)) + "}, minReadySeconds " + string(rune('0'+d.Spec.MinReadySeconds))
			wantText(t, got, test.want)
			if d.Annotations[release.AnnotationHeld] != "" {
				t.Error("it is still held")
			}
		})
	}
}

// deploymentNow is the Deployment as it is now.
func (a *actor) deploymentNow(t *testing.T, name string) *appsv1.Deployment {
	t.Helper()
	d, err := a.client.Typed.AppsV1().Deployments("shop").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestShrink(t *testing.T) {
	preview := "kind: Service\nmetadata: {name: p, annotations: {kubectl-switchyard.github.io/preview-of: hello}}\nspec: {selector: {app: hello, slot: green}}\n---\n"
	tests := []struct {
		name, objects string
		ignored       []string
		want          string
		replicas      int32
	}{
		{"nothing leads to it", helloService + helloGreen, nil, "none", 0},
		{"a Service does", helloService + selecting("direct", "app: hello, slot: green") + helloGreen, nil,
			"exit 5: deployment hello-green still gets traffic from service direct; it stays as it is. Move that first, or pass --ignore-service", 4},
		{"an Ingress and a route by a Service do", helloService + selecting("direct", "app: hello, slot: green") + helloGreen + `
kind: Ingress
metadata: {name: web}
spec: {defaultBackend: {service: {name: direct, port: {number: 80}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: front}
spec: {rules: [{backendRefs: [{name: hello}, {name: direct, weight: 0}]}]}
---
`, nil, "exit 5: deployment hello-green still gets traffic from service direct (reached by [ingress/web httproute/front]); it stays as it is. Move that first, or pass --ignore-service", 4},
		{"one that is to be ignored does", helloService + selecting("direct", "app: hello, slot: green") + helloGreen, []string{"direct"}, "none", 0},
		{"a preview does", helloService + preview + helloGreen, nil, "none", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := readCluster(t, test.objects).actor(t, "hello")
			wantText(t, errorText(a.shrink(t.Context(), "hello-green", test.ignored)), test.want)
			if got := *a.deploymentNow(t, "hello-green").Spec.Replicas; got != test.replicas {
				t.Errorf("got %d replicas, want %d", got, test.replicas)
			}
		})
	}
	wantText(t, errorText(readCluster(t, helloService).actor(t, "hello").shrink(t.Context(), "gone", nil)), "none")
}

func TestHeldMinimum(t *testing.T) {
	a := readCluster(t, scaled("blue", false)+helloBlue).actor(t, "hello")
	minimum := func() autoscalingv2.HorizontalPodAutoscaler {
		hpa, err := a.client.Typed.AutoscalingV2().HorizontalPodAutoscalers("shop").Get(t.Context(), "hello-blue", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return *hpa
	}
	for _, step := range []struct {
		replicas, want int32
		own            string
	}{{1, 2, ""}, {4, 4, "2"}, {6, 6, "2"}, {20, 9, "2"}} { // 9 is its maximum
		if err := a.raiseFloor(t.Context(), "hello-blue", step.replicas); err != nil {
			t.Fatal(err)
		}
		if hpa := minimum(); *hpa.Spec.MinReplicas != step.want || hpa.Annotations[release.AnnotationFloor] != step.own {
			t.Errorf("raised to %d: got %d, own %q; want %d, own %q", step.replicas, *hpa.Spec.MinReplicas, hpa.Annotations[release.AnnotationFloor], step.want, step.own)
		}
	}
	for range 2 {
		if _, err := a.unfloorStep("hello-blue", "hello-blue").Do(t.Context()); err != nil {
			t.Fatal(err)
		}
		if hpa := minimum(); *hpa.Spec.MinReplicas != 2 || hpa.Annotations[release.AnnotationFloor] != "" {
			t.Errorf("given back: got %d, own %q", *hpa.Spec.MinReplicas, hpa.Annotations[release.AnnotationFloor])
		}
	}
	detail, err := a.unfloorStep("gone", "hello-blue").Do(t.Context())
	wantText(t, detail+", "+errorText(err), "it is gone, none")
}

func TestGrowStep(t *testing.T) {
	small := strings.Replace(helloGreen, "replicas: 4", "replicas: 1", 1)
	none := strings.Replace(helloGreen, "replicas: 4", "replicas: 0", 1)
	tests := []struct {
		name, objects string
		want          int32
	}{
		{"to the other side's size", small, 4},
		{"it is larger", strings.Replace(helloGreen, "replicas: 4", "replicas: 6", 1), 6},
		{"an HPA owns the size", small + scaled("green", false), 1},
		{"an HPA rests at 0", none + scaled("green", false), 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := readCluster(t, helloBlue+test.objects)
			a := c.actor(t, "hello")
			if _, err := a.growStep("hello-green", "hello-blue", 4, c.autoscalerFor("shop", "hello-green")).Do(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := *a.deploymentNow(t, "hello-green").Spec.Replicas; got != test.want {
				t.Errorf("got %d replicas, want %d", got, test.want)
			}
		})
	}
}

func TestCreateStep(t *testing.T) {
	tests := map[string]struct{ objects, want string }{
		"anew":              {"", ", none"},
		"by an earlier try": {strings.Replace(helloGreen, "name: hello-green}", "name: hello-green, annotations: {kubectl-switchyard.github.io/made-for: hello}}", 1), "it is there already, none"},
		"by somebody else":  {helloGreen, "it is there already, exit 6: deployment hello-green was created by somebody else in between"},
		"for another Service": {strings.Replace(helloGreen, "name: hello-green}", "name: hello-green, annotations: {kubectl-switchyard.github.io/made-for: web}}", 1),
			"it is there already, exit 6: deployment hello-green was created by somebody else in between"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := readCluster(t, helloService+test.objects).actor(t, "hello")
			a.primary = "hello"
			wanted := parseObject(t, manifest)
			wanted.SetNamespace("shop")
			detail, err := a.createStep("create-idle", "", deployments, wanted).Do(t.Context())
			wantText(t, detail+", "+errorText(err), test.want)
		})
	}
}

func TestJournal(t *testing.T) {
	other := annotated(helloService, "release", record("run", "Soaking", "green", "blue", ""))
	tests := map[string]struct{ objects, want string }{
		"begun":                         {helloService, "none"},
		"after one that is over":        {annotated(helloService, "release", record("switch", "Switched", "green", "blue", "")), "none"},
		"another release is under way":  {other, "exit 6: service hello: release 4a3ca920 of ann@laptop began in between (Soaking)"},
		"its own is under way, spoilt":  {annotated(helloService, "release", "{"), "none"},
		"its own is under way, further": {strings.ReplaceAll(other, "4a3ca920", "00c0ffee"), "none"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := readCluster(t, test.objects).actor(t, "hello")
			a.primary = "hello"
			wanted := release.Record{ID: "00c0ffee", Operation: "run", By: "bob@desk", Phase: release.Preparing, SlotKey: "slot", From: "blue", To: "green"}
			for range 2 {
				wantText(t, errorText(a.journal(t.Context(), wanted)), test.want)
			}
			if writes := written(a); strings.Count(writes, "services/hello ") > 1 || test.want != "none" && writes != "" {
				t.Errorf("written:\n%s", writes)
			}
		})
	}
}

func TestReadManifest(t *testing.T) {
	const list = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n---\n"
	tests := map[string]struct{ stdin, want string }{
		"a Deployment":            {manifest, "hello-green"},
		"among others":            {list + manifest, "hello-green"},
		"none":                    {list, "exit 2: the manifest holds 0 Deployments; it must hold exactly one, the new side's"},
		"two":                     {manifest + "---\n" + strings.Replace(manifest, "hello-green", "hello-red", 1), "exit 2: the manifest holds 2 Deployments; it must hold exactly one, the new side's"},
		"something else entirely": {"name: hello", "exit 2: read the manifest: unable to decode \"stdin\": Object 'Kind' is missing in '{\"name\":\"hello\"}'"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := readCluster(t, "").actor(t, "hello")
			a.env.In = strings.NewReader(test.stdin)
			got, err := a.readManifest(source{Filenames: []string{"-"}})
			text := errorText(err)
			if err == nil {
				text = got.GetName()
			}
			wantText(t, text, test.want)
		})
	}
	got, err := readCluster(t, "").actor(t, "hello").readManifest(source{Images: []string{"a=b"}})
	if got != nil || err != nil {
		t.Errorf("without -f and -k: got %v, %v", got, err)
	}
}

func TestConfirm(t *testing.T) {
	a := readCluster(t, helloService).actor(t, "hello")
	for _, quiet := range []actFlags{{Yes: true}, {DryRun: cli.DryRunServer}, {DryRun: cli.DryRunClient}} {
		a.actFlags = quiet
		if err := a.confirm(t.Context(), "switch"); err != nil {
			t.Errorf("%+v: got %v", quiet, err)
		}
	}
}
