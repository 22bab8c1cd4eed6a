package main

import (
	"strings"
	"testing"

	"k8s.io/utils/ptr"
)

// greenUp is a Deployment that is settled at two replicas, with its pods, as seen at 03:30:00.
const greenUp = `
kind: Service
metadata: {name: hello}
spec: {selector: {app: hello, slot: blue}, ports: [{name: http, port: 80, targetPort: web}, {name: raw, port: 90}]}
---
kind: Deployment
metadata: {name: hello-green, uid: d1, generation: 3}
spec:
  replicas: 2
  minReadySeconds: 10
  selector: {matchLabels: {app: hello, slot: green}}
  template:
    metadata: {labels: {app: hello, slot: green}}
    spec: {containers: [{name: app, readinessProbe: {tcpSocket: {port: web}}, ports: [{name: web, containerPort: 8080}]}]}
status: {observedGeneration: 3, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2}
---
kind: ReplicaSet
metadata: {name: hello-green-6d4, uid: rs1, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: hello-green, uid: d1, controller: true}]}
---
kind: Pod
metadata: {name: green-1, uid: p1, labels: {app: hello, slot: green}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: hello-green-6d4, uid: rs1, controller: true}]}
spec: {containers: [{name: app, ports: [{name: web, containerPort: 8080}]}]}
status: {conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-11-22T03:29:50Z"}]}
---
kind: Pod
metadata: {name: green-2, uid: p2, labels: {app: hello, slot: green}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: hello-green-6d4, uid: rs1, controller: true}]}
spec: {containers: [{name: app, ports: [{name: web, containerPort: 8080}]}]}
status: {conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-11-22T03:20:00Z"}]}
---
`

// factsOf are the facts for a switch of all the Services to green, beside a serving side of two replicas.
func factsOf(t *testing.T, objects string) facts {
	t.Helper()
	c := readCluster(t, objects)
	f := facts{Key: "slot", To: "green", Need: 2, Sets: c.sets, Pods: c.pods, Now: moment.Time}
	for i := range c.Services {
		f.Services = append(f.Services, &c.Services[i])
	}
	for i := range c.Deployments {
		f.Target, f.MinReadySeconds = &c.Deployments[i], c.Deployments[i].Spec.MinReadySeconds
	}
	return f
}

func TestRefusals(t *testing.T) {
	const second = "kind: Service\nmetadata: {name: hello-np}\nspec: {selector: {app: hello, part: api, slot: blue}, ports: [{port: 80}]}\n---\n"
	const stranger = "kind: Pod\nmetadata: {name: stranger, uid: p9, labels: {app: hello, slot: green}}\nspec: {containers: [{name: app, ports: [{name: web, containerPort: 1}]}]}\n" +
		"status: {conditions: [{type: Ready, status: \"True\", lastTransitionTime: \"2026-11-22T03:20:00Z\"}]}\n---\n"
	const unprobed = "deployment hello-green has neither a readinessProbe nor minReadySeconds, so its pods count as ready before they can answer (--allow-unprobed accepts that)"
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(greenUp) }
	tests := []struct {
		name, objects string
		change        func(*facts)
		want          []string
	}{
		{"all is well", greenUp, nil, nil},
		{"no Deployment", greenUp, func(f *facts) { f.Target = nil }, []string{"there is no Deployment for slot slot=green"}},
		{"paused", replace("replicas: 2\n  min", "paused: true\n  replicas: 2\n  min"), nil, []string{"deployment hello-green is paused"}},
		{"not seen by its controller yet", replace("generation: 3}", "generation: 4}"), nil,
			[]string{"deployment hello-green was changed just now and its controller has not seen it yet"}},
		{"rolling out", replace("status: {observedGeneration: 3, replicas: 2, updatedReplicas: 2", "status: {observedGeneration: 3, replicas: 3, updatedReplicas: 1"), nil,
			[]string{"deployment hello-green is rolling out: 1 of 2 replicas are updated, 3 pods in all"}},
		{"with old pods left", replace("replicas: 2, updatedReplicas: 2", "replicas: 3, updatedReplicas: 2"), nil,
			[]string{"deployment hello-green is rolling out: 2 of 2 replicas are updated, 3 pods in all"}},
		{"smaller than the serving side", greenUp, func(f *facts) { f.Need = 4 }, []string{"deployment hello-green has 2 replicas, the serving side has 4"}},
		{"larger than the serving side", greenUp, func(f *facts) { f.Need = 1 }, nil},
		{"scaled to 0 beside a serving side of 0", replace("replicas: 2\n", "replicas: 0\n", "replicas: 2, updatedReplicas: 2", "replicas: 0, updatedReplicas: 0"),
			func(f *facts) { f.Need, f.Pods = 0, nil }, []string{"deployment hello-green is scaled to 0"}},
		{"a pod not ready", replace(`status: "True", lastTransitionTime: "2026-11-22T03:20:00Z"`, `status: "False"`), nil,
			[]string{"service hello would select app=hello,slot=green: 2 pods, of which 1 of 2 are available"}},
		{"a pod not ready for long enough", replace("03:29:50Z", "03:29:51Z"), nil,
			[]string{"service hello would select app=hello,slot=green: 2 pods, of which 1 of 2 are available"}},
		{"a pod being deleted", replace("name: green-2,", `name: green-2, deletionTimestamp: "2026-11-22T03:29:00Z",`), nil,
			[]string{"service hello would select app=hello,slot=green: 1 pods, of which 1 of 2 are available"}},
		{"a pod that has ended", replace(`{conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-11-22T03:20:00Z"}]}`, "{phase: Failed}"), nil,
			[]string{"service hello would select app=hello,slot=green: 1 pods, of which 1 of 2 are available"}},
		{"no pods for one of two Services", greenUp + second, nil,
			[]string{"service hello-np would select app=hello,part=api,slot=green: 0 pods, of which 0 of 2 are available"}},
		{"pods of somebody else", greenUp + stranger, nil, []string{"service hello would also select pods that do not belong to deployment hello-green: stranger"}},
		{"a pod of somebody else in the place of one", strings.Replace(greenUp, "name: green-2, uid: p2, labels: {app: hello, slot: green}", "name: green-2, uid: p2, labels: {app: hello, slot: old}", 1) + stranger, nil,
			[]string{"service hello would also select pods that do not belong to deployment hello-green: stranger"}},
		{"pods without the named port", strings.Replace(greenUp, "spec: {containers: [{name: app, ports: [{name: web,", "spec: {containers: [{name: app, ports: [{name: http,", 1), nil,
			[]string{`port "http" of service hello goes to the container port named "web", which 1 of 2 pods do not declare`}},
		{"unprobed", replace("readinessProbe: {tcpSocket: {port: web}}, ", "", "minReadySeconds: 10", "minReadySeconds: 0"), nil, []string{unprobed}},
		{"unprobed and allowed", replace("readinessProbe: {tcpSocket: {port: web}}, ", "", "minReadySeconds: 10", "minReadySeconds: 0"), func(f *facts) { f.Unprobed = true }, nil},
		{"with minReadySeconds alone", replace("readinessProbe: {tcpSocket: {port: web}}, ", ""), nil, nil},
		{"several at once", replace("replicas: 2\n  minReadySeconds: 10", "paused: true\n  replicas: 2", "readinessProbe: {tcpSocket: {port: web}}, ", "", "ports: [{name: web", "ports: [{name: http") + stranger, nil,
			[]string{"deployment hello-green is paused", "service hello would also select pods that do not belong to deployment hello-green: stranger",
				`port "http" of service hello goes to the container port named "web", which 2 of 3 pods do not declare`, unprobed}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := factsOf(t, test.objects)
			if test.change != nil {
				test.change(&f)
			}
			wantText(t, strings.Join(f.refusals(), "\n"), strings.Join(test.want, "\n"))
		})
	}
}

func TestRefusalsTakeReplicasByDefaultAsOne(t *testing.T) {
	f := factsOf(t, greenUp)
	f.Target.Spec.Replicas = nil
	f.Target.Status.Replicas, f.Target.Status.UpdatedReplicas = 1, 1
	wantText(t, strings.Join(f.refusals(), "\n"), "deployment hello-green has 1 replicas, the serving side has 2")
	f.Target.Spec.Replicas, f.Need = ptr.To(int32(1)), 1
	wantText(t, strings.Join(f.refusals(), "\n"), "")
}

func TestRefuse(t *testing.T) {
	tests := map[string]struct {
		why  []string
		want string
	}{
		"none": {nil, "none"},
		"one":  {[]string{"it is paused"}, "exit 5: switch refused: it is paused; nothing was changed"},
		"two":  {[]string{"it is paused", "it is small"}, "exit 5: switch refused; nothing was changed:\n- it is paused\n- it is small"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { wantText(t, errorText(refuse("switch refused", test.why)), test.want) })
	}
}
