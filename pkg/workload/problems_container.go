package workload

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// backOffReset is how long a container has to run until the kubelet forgets its crashes: twice the longest back-off
// of 300 s (pkg/kubelet/kubelet.go, flowcontrol.Backoff).
const backOffReset = 10 * time.Minute

// containerView is one container of a pod.
type containerView struct {
	podView
	spec     corev1.Container
	status   corev1.ContainerStatus
	runsOnce bool // an init container that is not a sidecar
}

func (v containerView) found(reason, message string, final bool, since time.Time) (Problem, bool) {
	return v.podView.problem(reason, v.spec.Name, fmt.Sprintf("container %q %s", v.spec.Name, message), final, since), true
}

// problem returns what is wrong with the container. Of a ready pod only a crash loop counts.
func (v containerView) problem() (Problem, bool) {
	state := v.status.State
	switch {
	case state.Waiting != nil:
		return v.waiting(state.Waiting)
	case state.Terminated != nil && v.runsOnce && state.Terminated.ExitCode == 0:
		return Problem{}, false
	case state.Terminated != nil:
		return v.crash(v.status.RestartCount >= 2)
	case state.Running != nil:
		return v.running(state.Running.StartedAt.Time)
	}
	return Problem{}, false
}

// waiting judges by the kubelet's reasons: pkg/kubelet/images/types.go, pkg/kubelet/kuberuntime/kuberuntime_container.go
// and pkg/kubelet/container/sync_result.go.
func (v containerView) waiting(w *corev1.ContainerStateWaiting) (Problem, bool) {
	since := v.waitingSince()
	switch w.Reason {
	case "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable", "SignatureValidationFailed":
		return v.found(ReasonImagePull, v.imageMessage(w), true, since)
	case "ErrImagePull", "ImageInspectError":
		return v.found(ReasonImagePull, v.imageMessage(w), hopelessPull(w.Message), since)
	case "CrashLoopBackOff":
		return v.crash(v.status.RestartCount >= 1)
	case "CreateContainerConfigError":
		return v.found(ReasonContainerConfig, "cannot be configured: "+w.Message, !cacheLag(w.Message), since)
	case "CreateContainerError", "RunContainerError", "StartError", "PreCreateHookError", "PreStartHookError", "PostStartHookError":
		return v.found(ReasonContainerConfig, "cannot be started: "+w.Reason+": "+w.Message, !runtimeLag(w.Message), since)
	}
	return Problem{}, false
}

// waitingSince is when the container could have begun: the end of its last run, or the start of the pod.
func (v containerView) waitingSince() time.Time {
	if last := v.status.LastTerminationState.Terminated; last != nil {
		return last.FinishedAt.Time
	}
	if v.pod.Status.StartTime != nil {
		return v.pod.Status.StartTime.Time
	}
	return v.pod.CreationTimestamp.Time
}

// imageMessage names the image. Kubelets before 1.31 say only "Back-off pulling image"; the cause is in the event.
func (v containerView) imageMessage(w *corev1.ContainerStateWaiting) string {
	message := fmt.Sprintf("cannot pull image %q: %s", v.spec.Image, w.Reason)
	if w.Message != "" {
		message += ": " + w.Message
	}
	cause, ok := v.event("Failed", "Failed to pull image", time.Time{})
	if ok && w.Reason == "ImagePullBackOff" && !strings.Contains(w.Message, "ErrImagePull") {
		message += ": " + cause.Message
	}
	return message
}

// hopelessPull tells whether the registry has answered that it will not give this image.
func hopelessPull(message string) bool {
	return containsAny(message, "not found", "manifest unknown", "name unknown", "does not exist", "denied", "unauthorized",
		"authorization failed", "no match for platform", "forbidden", "invalid reference format")
}

// cacheLag tells the kubelet's own lag from a missing object: it has not read the object yet and tries again.
func cacheLag(message string) bool {
	return strings.Contains(message, "failed to sync") && strings.Contains(message, "cache")
}

// runtimeLag tells an overloaded container runtime from a container that cannot be made.
func runtimeLag(message string) bool {
	return cacheLag(message) || containsAny(message, "context deadline exceeded", "is reserved for")
}

// event returns the newest event of this container with the reason and a message that begins with prefix, and not
// older than since.
func (v containerView) event(reason, prefix string, since time.Time) (corev1.Event, bool) {
	for _, e := range v.events {
		path := e.InvolvedObject.FieldPath
		mine := path == "" || strings.HasSuffix(path, "{"+v.spec.Name+"}")
		// Event times are whole seconds, so an event within the second of the start is after it.
		fresh := since.IsZero() || !lastSeen(e).Before(since.Truncate(time.Second))
		if mine && fresh && e.Reason == reason && strings.HasPrefix(e.Message, prefix) {
			return e, true
		}
	}
	return corev1.Event{}, false
}

// lastExit returns how the container ended the last time.
func (v containerView) lastExit() *corev1.ContainerStateTerminated {
	if v.status.State.Terminated != nil {
		return v.status.State.Terminated
	}
	return v.status.LastTerminationState.Terminated
}

// crash makes the problem of a container that has ended.
func (v containerView) crash(final bool) (Problem, bool) {
	last := v.lastExit()
	if last == nil {
		return v.found(ReasonCrashLoop, "crashes, "+v.restarts(), final, v.waitingSince())
	}
	since := last.FinishedAt.Time
	switch {
	case last.Reason == "StartError" || last.Reason == "ContainerCannotRun":
		return v.found(ReasonContainerConfig, "cannot be started: "+last.Reason+": "+last.Message, true, since)
	case last.Reason == "OOMKilled":
		return v.found(ReasonOOMKilled, v.memoryMessage(), final, since)
	}
	if message, ok := v.killedByProbe(); ok {
		return v.found(ReasonCrashLoop, message, final, since)
	}
	return v.found(ReasonCrashLoop, v.exitMessage(last), final, since)
}

func (v containerView) restarts() string {
	if v.status.RestartCount == 1 {
		return "restarted once"
	}
	return fmt.Sprintf("restarted %d times", v.status.RestartCount)
}

func (v containerView) memoryMessage() string {
	limit := "has no memory limit: its node ran out"
	if q, ok := v.spec.Resources.Limits[corev1.ResourceMemory]; ok {
		limit = "its limit is " + q.String()
	}
	return fmt.Sprintf("is killed for using too much memory (%s), %s", limit, v.restarts())
}

// killedByProbe tells whether the kubelet and not the application ended the container: the messages of its Killing
// events are set in pkg/kubelet/kuberuntime, computePodActions and computeInitContainerActions.
func (v containerView) killedByProbe() (string, bool) {
	for _, probe := range []string{"Liveness", "Startup"} {
		kill := fmt.Sprintf("ontainer %s failed %s probe", v.spec.Name, strings.ToLower(probe))
		_, main := v.event("Killing", "C"+kill, time.Time{})
		_, sidecar := v.event("Killing", "Init c"+kill, time.Time{})
		if !main && !sidecar {
			continue
		}
		message := fmt.Sprintf("is killed by its %s probe, %s", strings.ToLower(probe), v.restarts())
		if cause, ok := v.event("Unhealthy", probe+" probe", time.Time{}); ok {
			message += ": " + cause.Message
		}
		return message, true
	}
	return "", false
}

func (v containerView) exitMessage(last *corev1.ContainerStateTerminated) string {
	message := fmt.Sprintf("exits with code %d", last.ExitCode)
	if last.Signal != 0 {
		message = fmt.Sprintf("is ended by signal %d", last.Signal)
	}
	if !last.StartedAt.IsZero() && last.FinishedAt.After(last.StartedAt.Time) {
		message += " after " + last.FinishedAt.Sub(last.StartedAt.Time).Round(time.Second).String()
	}
	message += ", " + v.restarts()
	if last.ExitCode == 0 && last.Signal == 0 {
		message += ": a Deployment's container has to keep running"
	}
	if text := strings.TrimSpace(last.Message); text != "" {
		message += ": " + text
	}
	return message
}

// running judges a container that is running now.
func (v containerView) running(started time.Time) (Problem, bool) {
	if v.runsOnce {
		return v.initRunning(started)
	}
	if v.status.RestartCount >= 2 && v.mayCrashAgain(started) {
		return v.crash(true)
	}
	if PodReady(v.pod) || v.status.Ready {
		return Problem{}, false
	}
	problem, ok := v.notReady(started)
	crashed := v.status.RestartCount == 1 && v.crashedLately()
	if crashed && !problem.Final {
		return v.crash(false)
	}
	return problem, ok
}

// crashedLately tells whether the last run was short and ended within the kubelet's memory.
func (v containerView) crashedLately() bool {
	last := v.status.LastTerminationState.Terminated
	return last != nil && v.now.Sub(last.FinishedAt.Time) < backOffReset && last.FinishedAt.Sub(last.StartedAt.Time) < backOffReset
}

// mayCrashAgain tells whether a container that has crashed is still in its loop: it is not ready, or it is (for want
// of a readiness probe) but has not outlived its last run.
func (v containerView) mayCrashAgain(started time.Time) bool {
	if !v.crashedLately() {
		return false
	}
	last := v.status.LastTerminationState.Terminated
	return !v.status.Ready || v.now.Sub(started) <= last.FinishedAt.Sub(last.StartedAt.Time)
}

func (v containerView) initRunning(started time.Time) (Problem, bool) {
	if v.now.Sub(started) < quietFor {
		return Problem{}, false
	}
	return v.found(ReasonNotStarted, "is an init container and still running", false, started)
}

// notReady explains a running container that is not started or not ready, by the newest probe failure of this run.
func (v containerView) notReady(started time.Time) (Problem, bool) {
	reason, probe, name := ReasonNotReady, v.spec.ReadinessProbe, "Readiness"
	if v.spec.StartupProbe != nil && (v.status.Started == nil || !*v.status.Started) {
		reason, probe, name = ReasonNotStarted, v.spec.StartupProbe, "Startup"
	}
	since := started
	if c := podCondition(v.pod, corev1.PodReady); c != nil && c.LastTransitionTime.After(since) {
		since = c.LastTransitionTime.Time
	}
	if port, ok := unknownPort(v.spec, probe); ok {
		message := fmt.Sprintf("can never be ready: its %s probe names port %q, which the container does not declare", strings.ToLower(name), port)
		return v.found(reason, message, true, since)
	}
	message := "is running but not ready"
	if reason == ReasonNotStarted {
		message = "is running but its startup probe has not passed"
	}
	waited, limit := v.now.Sub(since), v.limits.NotReadyFor
	// The startup probe has its own end: the kubelet kills the container, which then counts as a crash.
	final := reason == ReasonNotReady && limit > 0 && waited > limit
	if final {
		message = fmt.Sprintf("is running but still not ready after %s", limit)
	}
	cause, known := v.event("Unhealthy", name+" probe", started)
	if known {
		message += ": " + cause.Message
	}
	if waited < quietFor && !final { // every probe fails at first
		return Problem{}, false
	}
	return v.found(reason, message, final, since)
}

// unknownPort returns the port name of a probe that the container does not declare. The kubelet cannot resolve it and
// throws every such probe away: it never fails and never succeeds (ResolveContainerPort in pkg/probe/util.go, which also
// takes a number written as text).
func unknownPort(c corev1.Container, probe *corev1.Probe) (string, bool) {
	var port intstr.IntOrString
	switch {
	case probe == nil:
		return "", false
	case probe.HTTPGet != nil:
		port = probe.HTTPGet.Port
	case probe.TCPSocket != nil:
		port = probe.TCPSocket.Port
	}
	if port.Type != intstr.String {
		return "", false
	}
	if _, err := strconv.Atoi(port.StrVal); err == nil {
		return "", false
	}
	declared := slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == port.StrVal })
	return port.StrVal, !declared
}
