package workload

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

const stuckDeployment = `
metadata: {name: hello, namespace: shop, uid: d1, generation: 3}
spec:
  template:
    metadata: {labels: {app: hello}}
    spec: {containers: [{name: app, image: "hello:2"}]}
status: {observedGeneration: 3}`

const stuckSets = `
metadata:
  name: hello-old
  uid: r0
  creationTimestamp: "2026-01-02T09:00:00Z"
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: hello, uid: d1, controller: true}]
spec: {template: {metadata: {labels: {app: hello}}, spec: {containers: [{name: app, image: "hello:1"}]}}}
---
metadata:
  name: hello-new
  uid: r1
  creationTimestamp: "2026-01-02T10:09:00Z"
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: hello, uid: d1, controller: true}]
spec: {template: {metadata: {labels: {app: hello}}, spec: {containers: [{name: app, image: "hello:2"}]}}}`

// pod writes a pod of the current ReplicaSet around the spec and status of a case.
func pod(name, rest string) string {
	return podOf("r1", name, rest)
}

func podOf(set, name, rest string) string {
	return fmt.Sprintf(`
metadata:
  name: %s
  namespace: shop
  uid: uid-%s
  creationTimestamp: "2026-01-02T10:09:00Z"
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: any, uid: %s, controller: true}]
%s`, name, name, set, rest)
}

// waiting is a pod whose only container waits.
func waiting(name, reason, message string, restarts int, last string) string {
	return pod(name, fmt.Sprintf(`
spec: {nodeName: n1, containers: [{name: app, image: "hello:2", resources: {limits: {memory: 64Mi}}}]}
status:
  phase: Pending
  startTime: "2026-01-02T10:09:10Z"
  containerStatuses:
  - name: app
    image: i
    imageID: i
    ready: false
    restartCount: %d
    state: {waiting: {reason: %s, message: %q}}
    lastState: %s`, restarts, reason, message, last))
}

// running is a pod whose container runs since 10:09:20.
func running(name, spec, status string) string {
	return pod(name, fmt.Sprintf(`
spec: {nodeName: n1, containers: [{name: app, image: "hello:2", %s}]}
status:
  phase: Running
  conditions: [{type: Ready, status: "False", lastTransitionTime: "2026-01-02T10:09:10Z"}]
  containerStatuses:
  - {name: app, image: i, imageID: i, ready: false, state: {running: {startedAt: "2026-01-02T10:09:20Z"}}, %s}`, spec, status))
}

func event(pod, reason, message string) string {
	return fmt.Sprintf(`
involvedObject: {kind: Pod, namespace: shop, name: %s, uid: uid-%s, fieldPath: "spec.containers{app}"}
metadata: {name: e}
reason: %s
message: %q
count: 3
firstTimestamp: "2026-01-02T10:09:25Z"
lastTimestamp: "2026-01-02T10:09:55Z"`, pod, pod, reason, message)
}

func docs(parts ...string) string { return strings.Join(parts, "\n---\n") }

const (
	exitedWith1 = `{terminated: {exitCode: 1, reason: Error, message: "panic: no database\n", startedAt: "2026-01-02T10:09:40Z", finishedAt: "2026-01-02T10:09:43Z"}}`
	noState     = `{}`
)

// line writes a Problem in one line: what the tests compare.
func (p Problem) line() string {
	kind := "transient"
	if p.Final {
		kind = "final"
	}
	return fmt.Sprintf("%s %s pod=%s container=%s since=%s: %s", kind, p.Reason, p.Pod, p.Container, p.Since.UTC().Format("15:04:05"), p.Message)
}

type problemCase struct {
	name, pods, events string
	change             func(*appsv1.Deployment, []appsv1.ReplicaSet)
	want               []string
}

func runProblems(t *testing.T, cases []problemCase) {
	limits := Limits{NotReadyFor: 30 * time.Second}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d, sets := parse[appsv1.Deployment](t, stuckDeployment), parseAll[appsv1.ReplicaSet](t, stuckSets)
			if c.change != nil {
				c.change(&d, sets)
			}
			var got []string
			for _, p := range Problems(&d, sets, parseAll[corev1.Pod](t, c.pods), parseAll[corev1.Event](t, c.events), limits, now) {
				got = append(got, p.line())
			}
			wantLines(t, got, c.want)
		})
	}
}

func TestProblemsOfWaitingContainers(t *testing.T) {
	runProblems(t, []problemCase{
		{name: "a first pull error may pass", pods: waiting("a", "ErrImagePull", "dial tcp: i/o timeout", 0, noState),
			want: []string{`transient ImagePull pod=a container=app since=10:09:10: 1 of 1 pod: container "app" cannot pull image "hello:2": ErrImagePull: dial tcp: i/o timeout`}},
		{name: "a definitive pull error", pods: waiting("a", "ErrImagePull", "manifest unknown", 0, noState),
			want: []string{`final ImagePull pod=a container=app since=10:09:10: 1 of 1 pod: container "app" cannot pull image "hello:2": ErrImagePull: manifest unknown`}},
		{name: "the cause of a back-off is in the event", pods: waiting("a", "ImagePullBackOff", `Back-off pulling image "hello:2"`, 0, noState),
			events: event("a", "Failed", `Failed to pull image "hello:2": not found`),
			want:   []string{`final ImagePull pod=a container=app since=10:09:10: 1 of 1 pod: container "app" cannot pull image "hello:2": ImagePullBackOff: Back-off pulling image "hello:2": Failed to pull image "hello:2": not found`}},
		{name: "an image that is never pulled", pods: waiting("a", "ErrImageNeverPull", "", 0, noState),
			want: []string{`final ImagePull pod=a container=app since=10:09:10: 1 of 1 pod: container "app" cannot pull image "hello:2": ErrImageNeverPull`}},
		{name: "a missing ConfigMap", pods: waiting("a", "CreateContainerConfigError", `configmap "settings" not found`, 0, noState),
			want: []string{`final ContainerConfig pod=a container=app since=10:09:10: 1 of 1 pod: container "app" cannot be configured: configmap "settings" not found`}},
		{name: "the kubelet's cache lags", pods: waiting("a", "CreateContainerConfigError", "failed to sync configmap cache: timed out waiting for the condition", 0, noState),
			want: []string{`transient ContainerConfig pod=a container=app since=10:09:10: 1 of 1 pod: container "app" cannot be configured: failed to sync configmap cache: timed out waiting for the condition`}},
		{name: "a missing command", pods: waiting("a", "RunContainerError", `exec: "serve": executable file not found in $PATH`, 0, noState),
			want: []string{`final ContainerConfig pod=a container=app since=10:09:10: 1 of 1 pod: container "app" cannot be started: RunContainerError: exec: "serve": executable file not found in $PATH`}},
		{name: "a missing command after the first try", pods: waiting("a", "CrashLoopBackOff", "back-off 10s", 1,
			`{terminated: {exitCode: 128, reason: StartError, message: 'exec: "serve": not found', finishedAt: "2026-01-02T10:09:43Z"}}`),
			want: []string{`final ContainerConfig pod=a container=app since=10:09:43: 1 of 1 pod: container "app" cannot be started: StartError: exec: "serve": not found`}},
		{name: "an overloaded runtime", pods: waiting("a", "CreateContainerError", "context deadline exceeded", 0, noState),
			want: []string{`transient ContainerConfig pod=a container=app since=10:09:10: 1 of 1 pod: container "app" cannot be started: CreateContainerError: context deadline exceeded`}},
		{name: "being created is no problem", pods: waiting("a", "ContainerCreating", "", 0, noState)},
	})
}

func TestProblemsOfCrashes(t *testing.T) {
	exited := func(restarts int, code, reason, message string) string {
		return pod("a", fmt.Sprintf(`
spec: {nodeName: n1, containers: [{name: app, image: i, resources: {limits: {memory: 64Mi}}}]}
status:
  phase: Running
  containerStatuses:
  - {name: app, image: i, imageID: i, ready: false, restartCount: %d, state: {terminated: {exitCode: %s, reason: %s, message: %q, startedAt: "2026-01-02T10:09:40Z", finishedAt: "2026-01-02T10:09:43Z"}}}`,
			restarts, code, reason, message))
	}
	ready := func(started string) string {
		return pod("a", `
spec: {nodeName: n1, containers: [{name: app, image: i}]}
status:
  phase: Running
  conditions: [{type: Ready, status: "True"}]
  containerStatuses:
  - name: app
    image: i
    imageID: i
    ready: true
    restartCount: 2
    state: {running: {startedAt: "`+started+`"}}
    lastState: `+exitedWith1)
	}
	runProblems(t, []problemCase{
		{name: "a crash loop, with its last words", pods: waiting("a", "CrashLoopBackOff", "back-off 20s", 3, exitedWith1),
			want: []string{`final CrashLoop pod=a container=app since=10:09:43: 1 of 1 pod: container "app" exits with code 1 after 3s, restarted 3 times: panic: no database`}},
		{name: "the first crash", pods: exited(0, "2", "Error", ""),
			want: []string{`transient CrashLoop pod=a container=app since=10:09:43: 1 of 1 pod: container "app" exits with code 2 after 3s, restarted 0 times`}},
		{name: "the third crash", pods: exited(2, "2", "Error", ""),
			want: []string{`final CrashLoop pod=a container=app since=10:09:43: 1 of 1 pod: container "app" exits with code 2 after 3s, restarted 2 times`}},
		{name: "success is no better", pods: exited(2, "0", "Completed", ""),
			want: []string{`final CrashLoop pod=a container=app since=10:09:43: 1 of 1 pod: container "app" exits with code 0 after 3s, restarted 2 times: a Deployment's container has to keep running`}},
		{name: "out of memory", pods: exited(2, "137", "OOMKilled", ""),
			want: []string{`final OOMKilled pod=a container=app since=10:09:43: 1 of 1 pod: container "app" is killed for using too much memory (its limit is 64Mi), restarted 2 times`}},
		{name: "killed by its liveness probe", pods: waiting("a", "CrashLoopBackOff", "back-off", 1, exitedWith1),
			events: docs(event("a", "Killing", "Container app failed liveness probe, will be restarted"), event("a", "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 503")),
			want:   []string{`final CrashLoop pod=a container=app since=10:09:43: 1 of 1 pod: container "app" is killed by its liveness probe, restarted once: Liveness probe failed: HTTP probe failed with statuscode: 503`}},
		{name: "restarted once and starting again", pods: strings.Replace(running("a", "", "restartCount: 1, lastState: "+exitedWith1), "10:09:20", "10:09:50", 1),
			want: []string{`transient CrashLoop pod=a container=app since=10:09:43: 1 of 1 pod: container "app" exits with code 1 after 3s, restarted once: panic: no database`}},
		{name: "up again between two crashes", pods: running("a", "", "restartCount: 2, lastState: "+exitedWith1),
			want: []string{`final CrashLoop pod=a container=app since=10:09:43: 1 of 1 pod: container "app" exits with code 1 after 3s, restarted 2 times: panic: no database`}},
		{name: "ready between two crashes, for want of a probe", pods: ready("2026-01-02T10:09:58Z"),
			want: []string{`final CrashLoop pod=a container=app since=10:09:43: 1 of 1 pod: container "app" exits with code 1 after 3s, restarted 2 times: panic: no database`}},
		{name: "ready and past its crashes", pods: ready("2026-01-02T10:09:50Z")},
	})
}

func TestProblemsOfInitContainers(t *testing.T) {
	with := func(state, restarts string) string {
		return pod("a", `
spec: {nodeName: n1, initContainers: [{name: migrate, image: m}], containers: [{name: app, image: i}]}
status:
  phase: Pending
  conditions: [{type: Ready, status: "False"}]
  initContainerStatuses:
  - {name: migrate, image: i, imageID: i, ready: false, restartCount: `+restarts+`, state: `+state+`}
  containerStatuses:
  - {name: app, image: i, imageID: i, ready: false, restartCount: 0, state: {waiting: {reason: PodInitializing}}}`)
	}
	runProblems(t, []problemCase{
		{name: "it fails", pods: with(`{terminated: {exitCode: 1, startedAt: "2026-01-02T10:09:40Z", finishedAt: "2026-01-02T10:09:43Z"}}`, "2"),
			want: []string{`final CrashLoop pod=a container=migrate since=10:09:43: 1 of 1 pod: container "migrate" exits with code 1 after 3s, restarted 2 times`}},
		{name: "it has done its work", pods: with(`{terminated: {exitCode: 0, finishedAt: "2026-01-02T10:09:43Z"}}`, "0")},
		{name: "it works", pods: with(`{running: {startedAt: "2026-01-02T10:09:55Z"}}`, "0")},
		{name: "it takes long", pods: with(`{running: {startedAt: "2026-01-02T10:09:40Z"}}`, "0"),
			want: []string{`transient NotStarted pod=a container=migrate since=10:09:40: 1 of 1 pod: container "migrate" is an init container and still running`}},
	})
}

func TestProblemsOfReadiness(t *testing.T) {
	probe := `ports: [{name: http, containerPort: 80}], readinessProbe: {httpGet: {port: http}}`
	refused := event("a", "Unhealthy", "Readiness probe failed: connection refused")
	runProblems(t, []problemCase{
		{name: "never ready", pods: running("a", probe, "restartCount: 0, started: true"), events: refused,
			want: []string{`final NotReady pod=a container=app since=10:09:20: 1 of 1 pod: container "app" is running but still not ready after 30s: Readiness probe failed: connection refused`}},
		{name: "an event of an earlier pod of the name is not the cause", pods: running("a", probe, "restartCount: 0, started: true"),
			events: strings.Replace(refused, "uid: uid-a", "uid: before", 1),
			want:   []string{`final NotReady pod=a container=app since=10:09:20: 1 of 1 pod: container "app" is running but still not ready after 30s`}},
		{name: "failing at first is how every start looks", pods: strings.Replace(running("a", probe, "restartCount: 0, started: true"), "10:09:20", "10:09:53", 1), events: refused},
		{name: "failing for a while", pods: strings.Replace(running("a", probe, "restartCount: 0, started: true"), "10:09:20", "10:09:48", 1), events: refused,
			want: []string{`transient NotReady pod=a container=app since=10:09:48: 1 of 1 pod: container "app" is running but not ready: Readiness probe failed: connection refused`}},
		{name: "just started", pods: strings.Replace(running("a", probe, "restartCount: 0, started: true"), "10:09:20", "10:09:57", 1)},
		{name: "an event from before this start is not the cause", pods: strings.Replace(running("a", probe, "restartCount: 0, started: true"), "10:09:20", "10:09:57", 1), events: refused},
		{name: "a slow start is never final", pods: running("a", `startupProbe: {httpGet: {port: 80}}`, "restartCount: 0, started: false"),
			events: event("a", "Unhealthy", "Startup probe failed: connection refused"),
			want:   []string{`transient NotStarted pod=a container=app since=10:09:20: 1 of 1 pod: container "app" is running but its startup probe has not passed: Startup probe failed: connection refused`}},
		{name: "a probe of an undeclared port", pods: running("a", `ports: [{name: http, containerPort: 80}], readinessProbe: {httpGet: {port: htpp}}`, "restartCount: 0"),
			want: []string{`final NotReady pod=a container=app since=10:09:20: 1 of 1 pod: container "app" can never be ready: its readiness probe names port "htpp", which the container does not declare`}},
		{name: "a readiness gate", pods: pod("a", `
spec: {nodeName: n1, readinessGates: [{conditionType: lb/ready}], containers: [{name: app, image: i}]}
status:
  phase: Running
  conditions: [{type: ContainersReady, status: "True"}, {type: Ready, status: "False", lastTransitionTime: "2026-01-02T10:09:10Z"}]
  containerStatuses: [{name: app, image: i, imageID: i, ready: true, restartCount: 0, state: {running: {startedAt: "2026-01-02T10:09:20Z"}}}]`),
			want: []string{`transient NotReady pod=a container= since=10:09:10: 1 of 1 pod: readiness gate not met: lb/ready`}},
		{name: "marked by the node controller", pods: pod("a", `
spec: {nodeName: n1, containers: [{name: app, image: i}]}
status:
  phase: Running
  conditions: [{type: ContainersReady, status: "True"}, {type: Ready, status: "False", lastTransitionTime: "2026-01-02T10:09:10Z"}]
  containerStatuses: [{name: app, image: i, imageID: i, ready: true, restartCount: 0, state: {running: {startedAt: "2026-01-02T10:09:20Z"}}}]`),
			want: []string{`transient NodeLost pod=a container= since=10:09:10: 1 of 1 pod: node "n1" has stopped reporting`}},
	})
}

func TestProblemsOfPods(t *testing.T) {
	unscheduled := func(reason, since string) string {
		return pod("a", `
spec: {containers: [{name: app, image: i}]}
status:
  phase: Pending
  conditions: [{type: PodScheduled, status: "False", reason: `+reason+`, message: "0/2 nodes are available", lastTransitionTime: "`+since+`"}]`)
	}
	runProblems(t, []problemCase{
		{name: "an autoscaler may still help", pods: unscheduled("Unschedulable", "2026-01-02T10:09:31Z"),
			want: []string{"transient Unschedulable pod=a container= since=10:09:31: 1 of 1 pod: no node takes it: 0/2 nodes are available"}},
		{name: "no autoscaler helped", pods: unscheduled("Unschedulable", "2026-01-02T10:09:30Z"),
			want: []string{"final Unschedulable pod=a container= since=10:09:30: 1 of 1 pod: no node takes it: 0/2 nodes are available"}},
		{name: "gates are someone's intention", pods: unscheduled("SchedulingGated", "2026-01-02T10:00:00Z"),
			want: []string{"transient Unschedulable pod=a container= since=10:00:00: 1 of 1 pod: held back by scheduling gates: 0/2 nodes are available"}},
		{name: "no scheduler", pods: pod("a", "spec: {schedulerName: mine, containers: [{name: app}]}\nstatus: {phase: Pending}"),
			want: []string{`final Unschedulable pod=a container= since=10:09:00: 1 of 1 pod: no scheduler has looked at it: is scheduler "mine" running?`}},
		{name: "a volume from a missing Secret", pods: waiting("a", "ContainerCreating", "", 0, noState),
			events: event("a", "FailedMount", `MountVolume.SetUp failed for volume "tls" : secret "tls" not found`),
			want:   []string{`final ContainerConfig pod=a container= since=10:09:25: 1 of 1 pod: FailedMount: MountVolume.SetUp failed for volume "tls" : secret "tls" not found`}},
		{name: "a volume whose Secret may be on its way", pods: waiting("a", "ContainerCreating", "", 0, noState),
			events: strings.Replace(event("a", "FailedMount", `secret "tls" not found`), "count: 3", "count: 1", 1),
			want:   []string{`transient ContainerConfig pod=a container= since=10:09:25: 1 of 1 pod: FailedMount: secret "tls" not found`}},
		{name: "a volume still attached elsewhere", pods: waiting("a", "ContainerCreating", "", 0, noState),
			events: event("a", "FailedAttachVolume", "Multi-Attach error"),
			want:   []string{"transient Volume pod=a container= since=10:09:25: 1 of 1 pod: FailedAttachVolume: Multi-Attach error"}},
		{name: "no network", pods: waiting("a", "ContainerCreating", "", 0, noState),
			events: event("a", "FailedCreatePodSandBox", "plugin type bridge failed"),
			want:   []string{"transient Sandbox pod=a container= since=10:09:25: 1 of 1 pod: FailedCreatePodSandBox: plugin type bridge failed"}},
		{name: "evicted just now", pods: pod("a", `
spec: {nodeName: n1, containers: [{name: app}]}
status: {phase: Failed, reason: Evicted, message: "low on memory", startTime: "2026-01-02T10:09:05Z"}`),
			want: []string{`transient Evicted pod=a container= since=10:09:05: 1 of 1 pod: ended by node "n1": Evicted: low on memory`}},
		{name: "evicted long ago", pods: pod("a", `
spec: {nodeName: n1, containers: [{name: app}]}
status: {phase: Failed, reason: Evicted, startTime: "2026-01-02T09:09:05Z"}`)},
	})
}

func TestProblemsAreGrouped(t *testing.T) {
	unhealthy := waiting("old", "CrashLoopBackOff", "back-off", 9, exitedWith1)
	deleted := strings.Replace(waiting("gone", "CrashLoopBackOff", "back-off", 9, exitedWith1), "  uid: uid-gone", "  uid: uid-gone\n  deletionTimestamp: \"2026-01-02T10:09:59Z\"", 1)
	fine := pod("fine", `
spec: {nodeName: n1, containers: [{name: app, image: i}]}
status:
  phase: Running
  conditions: [{type: Ready, status: "True"}]
  containerStatuses: [{name: app, image: i, imageID: i, ready: true, restartCount: 0, state: {running: {startedAt: "2026-01-02T10:09:20Z"}}}]`)
	runProblems(t, []problemCase{
		{name: "by reason and container, the final and the worst first, the final pod named",
			pods: docs(
				running("slow", "", "restartCount: 0"),
				waiting("first", "ErrImagePull", "i/o timeout", 0, noState),
				waiting("second", "ErrImagePull", "not found", 0, noState),
				fine),
			want: []string{
				`final ImagePull pod=second container=app since=10:09:10: 2 of 4 pods: container "app" cannot pull image "hello:2": ErrImagePull: not found`,
				`final NotReady pod=slow container=app since=10:09:20: 1 of 4 pods: container "app" is running but still not ready after 30s`,
			}},
		{name: "pods of old templates and pods being deleted do not count",
			pods: docs(strings.Replace(unhealthy, "uid: r1,", "uid: r0,", 1), deleted, fine)},
	})
}

func TestProblemsOfTheDeployment(t *testing.T) {
	failedCreate := func(message string) func(*appsv1.Deployment, []appsv1.ReplicaSet) {
		return func(_ *appsv1.Deployment, sets []appsv1.ReplicaSet) {
			sets[1].Status.Conditions = []appsv1.ReplicaSetCondition{{Type: "ReplicaFailure", Status: "True", Reason: "FailedCreate", Message: message}}
			sets[1].Status.Conditions[0].LastTransitionTime.Time = now.Add(-time.Minute)
		}
	}
	deadline := func(message, updated string) func(*appsv1.Deployment, []appsv1.ReplicaSet) {
		return func(d *appsv1.Deployment, _ []appsv1.ReplicaSet) {
			c := appsv1.DeploymentCondition{Type: "Progressing", Status: "False", Reason: "ProgressDeadlineExceeded", Message: message}
			c.LastUpdateTime.Time, _ = time.Parse(time.RFC3339, updated)
			d.Status.Conditions = append(d.Status.Conditions, c)
		}
	}
	quota := `pods "hello-new-x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=3, limited: pods=3`
	runProblems(t, []problemCase{
		{name: "quota", change: failedCreate(quota),
			want: []string{`final Quota pod= container= since=10:09:00: pods cannot be created: ` + quota}},
		{name: "quota, but pods on their way out give theirs back", change: failedCreate(quota),
			pods: strings.Replace(podOf("r0", "leaving", ""), "  namespace", "  deletionTimestamp: \"2026-01-02T10:09:59Z\"\n  namespace", 1),
			want: []string{`transient Quota pod= container= since=10:09:00: pods cannot be created: ` + quota}},
		{name: "a webhook says no", change: failedCreate(`admission webhook "policy.example.com" denied the request: no latest tags`),
			want: []string{`final Rejected pod= container= since=10:09:00: pods cannot be created: admission webhook "policy.example.com" denied the request: no latest tags`}},
		{name: "a webhook is away", change: failedCreate(`Internal error occurred: failed calling webhook "policy.example.com": connection refused, forbidden`),
			want: []string{`transient Rejected pod= container= since=10:09:00: pods cannot be created: Internal error occurred: failed calling webhook "policy.example.com": connection refused, forbidden`}},
		{name: "the Deployment repeats a failure of an old ReplicaSet", change: func(d *appsv1.Deployment, _ []appsv1.ReplicaSet) {
			d.Status.Conditions = []appsv1.DeploymentCondition{{Type: "ReplicaFailure", Status: "True", Reason: "FailedCreate", Message: quota}}
		}},
		{name: "the ReplicaSet itself is refused", change: func(d *appsv1.Deployment, _ []appsv1.ReplicaSet) {
			d.Spec.Template.Spec.Containers[0].Image = "hello:3"
			d.Status.Conditions = []appsv1.DeploymentCondition{{Type: "Progressing", Status: "False", Reason: "ReplicaSetCreateError", Message: "replicasets.apps is forbidden: exceeded quota: sets"}}
			d.Status.Conditions[0].LastUpdateTime.Time = now
		}, want: []string{`final Quota pod= container= since=10:10:00: pods cannot be created: replicasets.apps is forbidden: exceeded quota: sets`}},
		{name: "the deadline of this template", change: deadline(`ReplicaSet "hello-new" has timed out progressing.`, "2026-01-02T10:09:50Z"),
			want: []string{`final ProgressDeadline pod= container= since=10:09:50: ReplicaSet "hello-new" has timed out progressing.`}},
		{name: "the deadline of another template", change: deadline(`ReplicaSet "hello-old" has timed out progressing.`, "2026-01-02T10:09:50Z")},
		{name: "a deadline from before this ReplicaSet", change: deadline(`ReplicaSet "hello-new" has timed out progressing.`, "2026-01-02T10:08:50Z")},
		{name: "a deadline in a status that is not of this generation", change: func(d *appsv1.Deployment, sets []appsv1.ReplicaSet) {
			deadline(`ReplicaSet "hello-new" has timed out progressing.`, "2026-01-02T10:09:50Z")(d, sets)
			d.Generation = 4
		}},
	})
}
