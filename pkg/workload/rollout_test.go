package workload

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

func TestRolloutOf(t *testing.T) {
	cases := []struct {
		name, deployment string
		want             Rollout
	}{
		{"settled", `
metadata: {generation: 4}
spec: {replicas: 2}
status: {observedGeneration: 4, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2}`,
			Rollout{Desired: 2, Current: 2, Updated: 2, Ready: 2, Available: 2, Observed: true, Settled: true}},
		{"replicas not set mean one", `
metadata: {generation: 1}
status: {observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1}`,
			Rollout{Desired: 1, Current: 1, Updated: 1, Ready: 1, Available: 1, Observed: true, Settled: true}},
		{"scaled to zero is settled", `
metadata: {generation: 2}
spec: {replicas: 0}
status: {observedGeneration: 2}`,
			Rollout{Observed: true, Settled: true}},
		{"counts of an older generation prove nothing", `
metadata: {generation: 5}
spec: {replicas: 2}
status: {observedGeneration: 4, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2}`,
			Rollout{Desired: 2, Current: 2, Updated: 2, Ready: 2, Available: 2}},
		{"an old pod is left", `
metadata: {generation: 4}
spec: {replicas: 2}
status: {observedGeneration: 4, replicas: 3, updatedReplicas: 2, readyReplicas: 3, availableReplicas: 2}`,
			Rollout{Desired: 2, Current: 3, Updated: 2, Ready: 3, Available: 2, Observed: true}},
		{"ready but not yet available", `
metadata: {generation: 4}
spec: {replicas: 2}
status: {observedGeneration: 4, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 1}`,
			Rollout{Desired: 2, Current: 2, Updated: 2, Ready: 2, Available: 1, Observed: true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := parse[appsv1.Deployment](t, c.deployment)
			if got := RolloutOf(&d); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

const familyDeployment = `
metadata: {name: hello, namespace: shop, uid: d1}
spec:
  template:
    metadata: {labels: {app: hello}}
    spec: {containers: [{name: app, image: "hello:2"}]}`

const familySets = `
metadata:
  name: hello-old
  uid: r0
  creationTimestamp: "2026-01-01T00:00:00Z"
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: hello, uid: d1, controller: true}]
spec:
  template:
    metadata: {labels: {app: hello, pod-template-hash: old}}
    spec: {containers: [{name: app, image: "hello:1"}]}
---
metadata:
  name: hello-twin
  uid: r2
  creationTimestamp: "2026-01-03T00:00:00Z"
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: hello, uid: d1, controller: true}]
spec:
  template:
    metadata: {labels: {app: hello, pod-template-hash: twin}}
    spec: {containers: [{name: app, image: "hello:2"}]}
---
metadata:
  name: hello-new
  uid: r1
  creationTimestamp: "2026-01-02T00:00:00Z"
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: hello, uid: d1, controller: true}]
spec:
  template:
    metadata: {labels: {app: hello, pod-template-hash: new}}
    spec: {containers: [{name: app, image: "hello:2"}]}
---
metadata:
  name: stranger
  uid: r9
  creationTimestamp: "2025-01-01T00:00:00Z"
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: hello, uid: another-life, controller: true}]
spec:
  template:
    metadata: {labels: {app: hello, pod-template-hash: new}}
    spec: {containers: [{name: app, image: "hello:2"}]}`

func TestCurrentReplicaSet(t *testing.T) {
	d := parse[appsv1.Deployment](t, familyDeployment)
	sets := parseAll[appsv1.ReplicaSet](t, familySets)
	if got := CurrentReplicaSet(&d, sets); got != &sets[2] {
		t.Errorf("got %v, want the older of the two equal sets of this Deployment, hello-new", got)
	}
	d.Spec.Template.Spec.Containers[0].Image = "hello:3"
	if got := CurrentReplicaSet(&d, sets); got != nil {
		t.Errorf("got %q for a template without a ReplicaSet", got.Name)
	}
}

func TestOwnedPods(t *testing.T) {
	d := parse[appsv1.Deployment](t, familyDeployment)
	pods := parseAll[corev1.Pod](t, `
metadata: {name: of-new, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: hello-new, uid: r1, controller: true}]}
---
metadata: {name: of-old, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: hello-old, uid: r0, controller: true}]}
---
metadata: {name: of-stranger, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: hello-new, uid: r9, controller: true}]}
---
metadata: {name: not-controlled, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: hello-new, uid: r1}]}
---
metadata: {name: bare, labels: {app: hello}}`)
	var got []string
	for _, p := range OwnedPods(&d, parseAll[appsv1.ReplicaSet](t, familySets), pods) {
		got = append(got, p.Name)
	}
	wantLines(t, got, []string{"of-new", "of-old"})
}

func TestPodAvailable(t *testing.T) {
	ready := `
status: {conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-01-02T10:09:50Z"}]}`
	cases := []struct {
		name, pod string
		seconds   int32
		want      bool
	}{
		{"ready", ready, 0, true},
		{"ready for exactly long enough", ready, 10, true},
		{"not ready for long enough", ready, 11, false},
		{"not ready", `status: {conditions: [{type: Ready, status: "False"}]}`, 0, false},
		{"no condition yet", `status: {}`, 0, false},
		{"the time of readiness is unknown", `status: {conditions: [{type: Ready, status: "True"}]}`, 1, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := parse[corev1.Pod](t, c.pod)
			if got := PodAvailable(&p, c.seconds, now); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestHasReadinessGate(t *testing.T) {
	cases := []struct {
		name, template string
		want           bool
	}{
		{"a container with a readiness probe", `spec: {containers: [{name: log}, {name: app, readinessProbe: {tcpSocket: {port: 80}}}]}`, true},
		{"a sidecar with one", `spec: {initContainers: [{name: mesh, restartPolicy: Always, readinessProbe: {tcpSocket: {port: 80}}}], containers: [{name: app}]}`, true},
		{"a readiness gate of the pod", `spec: {readinessGates: [{conditionType: lb}], containers: [{name: app}]}`, true},
		{"liveness and startup do not count", `spec: {containers: [{name: app, livenessProbe: {tcpSocket: {port: 80}}, startupProbe: {tcpSocket: {port: 80}}}]}`, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := HasReadinessGate(parse[corev1.PodTemplateSpec](t, c.template)); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestStartupTime(t *testing.T) {
	cases := []struct {
		name, pod string
		want      time.Duration
		known     bool
	}{
		{"from the first container's start", `
status:
  conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-01-02T10:00:12Z"}]
  containerStatuses:
  - {name: a, image: i, imageID: i, ready: true, restartCount: 0, state: {running: {startedAt: "2026-01-02T10:00:05Z"}}}
  - {name: b, image: i, imageID: i, ready: true, restartCount: 0, state: {running: {startedAt: "2026-01-02T10:00:02Z"}}}`, 10 * time.Second, true},
		{"a restarted pod says nothing", `
status:
  conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-01-02T10:00:12Z"}]
  containerStatuses:
  - {name: a, image: i, imageID: i, ready: true, restartCount: 1, state: {running: {startedAt: "2026-01-02T10:00:05Z"}}}`, 0, false},
		{"not ready", `
status:
  conditions: [{type: Ready, status: "False", lastTransitionTime: "2026-01-02T10:00:12Z"}]
  containerStatuses:
  - {name: a, image: i, imageID: i, ready: false, restartCount: 0, state: {running: {startedAt: "2026-01-02T10:00:05Z"}}}`, 0, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := parse[corev1.Pod](t, c.pod)
			if got, known := StartupTime(&p); got != c.want || known != c.known {
				t.Errorf("got %v, %v", got, known)
			}
		})
	}
}

func TestImagesAndVersion(t *testing.T) {
	template := parse[corev1.PodTemplateSpec](t, `
metadata: {labels: {version: "1"}}
spec:
  initContainers: [{name: migrate, image: "m:1"}]
  containers: [{name: web, image: "w:1"}, {name: agent, image: "a:1"}]`)
	got := Images(template)
	want := []Image{{"web", "w:1", false}, {"agent", "a:1", false}, {"migrate", "m:1", true}}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("got %v, want %v", got, want)
	}
	if v := VersionLabel(template); v != "1" {
		t.Errorf("version %q, want 1", v)
	}
	template.Labels["app.kubernetes.io/version"] = "2"
	if v := VersionLabel(template); v != "2" {
		t.Errorf("version %q: the recommended label comes first", v)
	}
}
