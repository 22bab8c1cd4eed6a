package workload

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// quietFor is how long a pod may be starting before that alone, without an event, is worth a word.
const quietFor = 10 * time.Second

// evictionMemory is how long an evicted pod is part of the present trouble; the object stays until it is collected.
const evictionMemory = 10 * time.Minute

// podView is one pod of the current ReplicaSet with what is needed to judge it.
type podView struct {
	pod    *corev1.Pod
	events []corev1.Event // about this pod, the newest first
	limits Limits
	now    time.Time
}

// eventsOf returns the events about the pod, the newest first.
func eventsOf(p *corev1.Pod, events []corev1.Event) []corev1.Event {
	var found []corev1.Event
	for _, e := range events {
		o := e.InvolvedObject
		if o.Kind == "Pod" && o.Name == p.Name && o.Namespace == p.Namespace && (o.UID == "" || o.UID == p.UID) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b corev1.Event) int { return lastSeen(b).Compare(lastSeen(a)) })
	return found
}

// lastSeen returns when an event last happened, whichever API version recorded it.
func lastSeen(e corev1.Event) time.Time {
	latest := e.LastTimestamp.Time
	if e.EventTime.After(latest) {
		latest = e.EventTime.Time
	}
	if e.Series != nil && e.Series.LastObservedTime.After(latest) {
		latest = e.Series.LastObservedTime.Time
	}
	return latest
}

// timesSeen returns how often an event happened.
func timesSeen(e corev1.Event) int32 {
	if e.Series != nil {
		return max(e.Count, e.Series.Count)
	}
	return max(e.Count, 1)
}

// problem makes a Problem of this pod.
func (v podView) problem(reason, container, message string, final bool, since time.Time) Problem {
	return Problem{Reason: reason, Message: message, Pod: v.pod.Name, Container: container, Final: final, Since: since}
}

// problems returns what is wrong with the pod: at most one problem per container, or one of the pod as a whole.
func (v podView) problems() []Problem {
	switch {
	case v.pod.Status.Phase == corev1.PodFailed || v.pod.Status.Phase == corev1.PodSucceeded:
		return v.evicted()
	case v.pod.Status.Phase == corev1.PodUnknown || v.pod.Status.Reason == "NodeLost":
		return []Problem{v.nodeLost()}
	case v.pod.Spec.NodeName == "":
		return v.unscheduled()
	}
	found := v.containerProblems()
	if len(found) > 0 || PodReady(v.pod) {
		return found
	}
	if p, ok := v.setupProblem(); ok {
		return []Problem{p}
	}
	return v.readinessOfPod()
}

func (v podView) containerProblems() []Problem {
	var found []Problem
	add := func(specs []corev1.Container, statuses []corev1.ContainerStatus, init bool) {
		for _, c := range specs {
			i := slices.IndexFunc(statuses, func(s corev1.ContainerStatus) bool { return s.Name == c.Name })
			if i < 0 {
				continue
			}
			view := containerView{podView: v, spec: c, status: statuses[i], runsOnce: init && !restartable(c)}
			if p, ok := view.problem(); ok {
				found = append(found, p)
			}
		}
	}
	add(v.pod.Spec.InitContainers, v.pod.Status.InitContainerStatuses, true)
	add(v.pod.Spec.Containers, v.pod.Status.ContainerStatuses, false)
	return found
}

func (v podView) evicted() []Problem {
	since := v.pod.CreationTimestamp.Time
	if c := podCondition(v.pod, corev1.DisruptionTarget); c != nil {
		since = c.LastTransitionTime.Time
	} else if v.pod.Status.StartTime != nil {
		since = v.pod.Status.StartTime.Time
	}
	if v.now.Sub(since) > evictionMemory {
		return nil
	}
	message := fmt.Sprintf("ended by node %q", v.pod.Spec.NodeName)
	for _, detail := range []string{v.pod.Status.Reason, v.pod.Status.Message} {
		if detail != "" {
			message += ": " + detail
		}
	}
	return []Problem{v.problem(ReasonEvicted, "", message, false, since)}
}

func (v podView) nodeLost() Problem {
	since := v.pod.CreationTimestamp.Time
	if c := podCondition(v.pod, corev1.PodReady); c != nil {
		since = c.LastTransitionTime.Time
	}
	return v.problem(ReasonNodeLost, "", fmt.Sprintf("node %q has stopped reporting", v.pod.Spec.NodeName), false, since)
}

func (v podView) unscheduled() []Problem {
	since, waited := v.pod.CreationTimestamp.Time, func(t time.Time) bool { return v.now.Sub(t) >= v.limits.UnschedulableFor }
	c := podCondition(v.pod, corev1.PodScheduled)
	if c == nil || c.Status != corev1.ConditionFalse {
		if !waited(since) {
			return nil
		}
		message := fmt.Sprintf("no scheduler has looked at it: is scheduler %q running?", v.pod.Spec.SchedulerName)
		return []Problem{v.problem(ReasonUnschedulable, "", message, true, since)}
	}
	if !c.LastTransitionTime.IsZero() {
		since = c.LastTransitionTime.Time
	}
	if c.Reason == corev1.PodReasonSchedulingGated {
		return []Problem{v.problem(ReasonUnschedulable, "", "held back by scheduling gates: "+c.Message, false, since)}
	}
	return []Problem{v.problem(ReasonUnschedulable, "", "no node takes it: "+c.Message, waited(since), since)}
}

// setupProblem looks for what keeps a scheduled pod from having any container: only events tell.
func (v podView) setupProblem() (Problem, bool) {
	if v.pod.Status.Phase != corev1.PodPending || !v.nothingStarted() {
		return Problem{}, false
	}
	for _, e := range v.events {
		message, since := e.Reason+": "+e.Message, lastSeen(e)
		if !e.FirstTimestamp.IsZero() {
			since = e.FirstTimestamp.Time
		}
		switch e.Reason {
		case "FailedMount", "FailedAttachVolume":
			if strings.Contains(e.Message, "not found") {
				return v.problem(ReasonContainerConfig, "", message, timesSeen(e) > 1, since), true
			}
			return v.problem(ReasonVolume, "", message, false, since), true
		case "FailedCreatePodSandBox":
			return v.problem(ReasonSandbox, "", message, false, since), true
		}
	}
	return Problem{}, false
}

func (v podView) nothingStarted() bool {
	statuses := slices.Concat(v.pod.Status.InitContainerStatuses, v.pod.Status.ContainerStatuses)
	return !slices.ContainsFunc(statuses, func(s corev1.ContainerStatus) bool { return s.State.Waiting == nil })
}

// readinessOfPod explains a pod that is not ready although all its containers are: a readiness gate is open, or the
// node controller has marked it, the only other writer of the Ready condition (MarkPodsNotReady in
// pkg/controller/util/node/controller_utils.go).
func (v podView) readinessOfPod() []Problem {
	ready, containers := podCondition(v.pod, corev1.PodReady), podCondition(v.pod, corev1.ContainersReady)
	if ready == nil || containers == nil || containers.Status != corev1.ConditionTrue {
		return nil
	}
	var open []string
	for _, gate := range v.pod.Spec.ReadinessGates {
		if c := podCondition(v.pod, gate.ConditionType); c == nil || c.Status != corev1.ConditionTrue {
			open = append(open, string(gate.ConditionType))
		}
	}
	if len(open) == 0 {
		return []Problem{v.nodeLost()}
	}
	message := "readiness gate not met: " + strings.Join(open, ", ")
	return []Problem{v.problem(ReasonNotReady, "", message, false, ready.LastTransitionTime.Time)}
}
