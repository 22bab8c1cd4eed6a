package workload

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// The reasons of a Problem. The words are part of the JSON output and stay.
const (
	// ReasonImagePull: the image cannot be pulled.
	ReasonImagePull = "ImagePull"
	// ReasonContainerConfig: the container cannot be made or started: a missing ConfigMap, Secret or command.
	ReasonContainerConfig = "ContainerConfig"
	// ReasonCrashLoop: the container exits, or is killed by its liveness or startup probe.
	ReasonCrashLoop = "CrashLoop"
	// ReasonOOMKilled: the container exits because it used more memory than it may.
	ReasonOOMKilled = "OOMKilled"
	// ReasonQuota: a ResourceQuota refuses the pods.
	ReasonQuota = "Quota"
	// ReasonRejected: the API server refuses the pods: an admission webhook, a LimitRange, Pod Security.
	ReasonRejected = "Rejected"
	// ReasonUnschedulable: no node takes the pod.
	ReasonUnschedulable = "Unschedulable"
	// ReasonVolume: a volume cannot be attached or mounted.
	ReasonVolume = "Volume"
	// ReasonSandbox: the pod's network or sandbox cannot be made.
	ReasonSandbox = "Sandbox"
	// ReasonNotStarted: the startup probe has not passed yet, or an init container is still running.
	ReasonNotStarted = "NotStarted"
	// ReasonNotReady: the container runs and its readiness probe fails, or a readiness gate is not met.
	ReasonNotReady = "NotReady"
	// ReasonNodeLost: the pod's node has stopped reporting.
	ReasonNodeLost = "NodeLost"
	// ReasonEvicted: the pod was ended by its node.
	ReasonEvicted = "Evicted"
	// ReasonProgressDeadline: the Deployment's progressDeadlineSeconds have passed without progress.
	ReasonProgressDeadline = "ProgressDeadline"
)

// severity orders the reasons, the worst first: what certainly needs a person before what may pass, causes before
// symptoms.
var severity = []string{
	ReasonImagePull, ReasonContainerConfig, ReasonCrashLoop, ReasonOOMKilled, ReasonQuota, ReasonRejected,
	ReasonUnschedulable, ReasonVolume, ReasonSandbox, ReasonNotStarted, ReasonNotReady, ReasonNodeLost, ReasonEvicted,
	ReasonProgressDeadline,
}

// Problem is a reason why a Deployment does not become available.
type Problem struct {
	// Reason is one of the Reason constants.
	Reason string `json:"reason"`
	// Message is for people. It holds text of the cluster that has not been escaped.
	Message string `json:"message"`
	// Pod is one of the pods concerned, the worst; Container the container concerned. Either may be empty.
	Pod       string `json:"pod,omitempty"`
	Container string `json:"container,omitempty"`
	// Final tells that waiting will not help; a problem that is not final may pass by itself.
	Final bool `json:"final"`
	// Since is when it began, as far as the API tells; of a crash loop, when the latest run ended.
	Since time.Time `json:"since"`
}

// DefaultUnschedulableFor is how long an unschedulable pod is no final problem: a cluster autoscaler may bring a node.
const DefaultUnschedulableFor = 30 * time.Second

// Limits says how long a pod may be in trouble before the problem is final.
type Limits struct {
	// UnschedulableFor applies to pods without a node. Zero means DefaultUnschedulableFor.
	UnschedulableFor time.Duration
	// NotReadyFor applies to running containers that are not ready, from the container's start: see NotReadyLimit.
	// Zero means that not being ready is never final.
	NotReadyFor time.Duration
}

// Problems says why the Deployment is not becoming available, the worst first, final ones before the others: one
// Problem per reason and container, with the number of pods it concerns in its message. Only pods of the current
// ReplicaSet that are not being deleted count, and of the events only those about these pods. Nil means that nothing
// is known to be wrong, not that the Deployment is available.
func Problems(d *appsv1.Deployment, sets []appsv1.ReplicaSet, pods []corev1.Pod, events []corev1.Event, limits Limits, now time.Time) []Problem {
	limits.UnschedulableFor = cmp.Or(limits.UnschedulableFor, DefaultUnschedulableFor)
	current := CurrentReplicaSet(d, sets)
	found := deploymentProblems(d, current, sets, pods)
	total := 0
	for i := range pods {
		p := &pods[i]
		if current == nil || !controlledBy(p, current.UID) || p.DeletionTimestamp != nil {
			continue
		}
		total++
		view := podView{pod: p, events: eventsOf(p, events), limits: limits, now: now}
		found = append(found, view.problems()...)
	}
	return merge(found, total)
}

// merge makes one Problem of those with the same reason and container, and sorts.
func merge(found []Problem, total int) []Problem {
	type key struct{ reason, container string }
	groups := map[key][]Problem{}
	for _, p := range found {
		k := key{p.Reason, p.Container}
		groups[k] = append(groups[k], p)
	}
	var merged []Problem
	for _, group := range groups {
		worst := slices.MinFunc(group, worseInstance)
		if worst.Pod != "" {
			worst.Message = fmt.Sprintf("%d of %s: %s", len(group), countPods(total), worst.Message)
		}
		merged = append(merged, worst)
	}
	slices.SortFunc(merged, worseProblem)
	return merged
}

func countPods(n int) string {
	if n == 1 {
		return "1 pod"
	}
	return fmt.Sprintf("%d pods", n)
}

func worseInstance(a, b Problem) int {
	return cmp.Or(finalFirst(a, b), a.Since.Compare(b.Since), strings.Compare(a.Pod, b.Pod))
}

func worseProblem(a, b Problem) int {
	return cmp.Or(
		finalFirst(a, b),
		slices.Index(severity, a.Reason)-slices.Index(severity, b.Reason),
		strings.Compare(a.Container, b.Container),
	)
}

func finalFirst(a, b Problem) int {
	switch {
	case a.Final == b.Final:
		return 0
	case a.Final:
		return -1
	}
	return 1
}

// deploymentProblems reads the conditions of the Deployment and its ReplicaSet.
func deploymentProblems(d *appsv1.Deployment, current *appsv1.ReplicaSet, sets []appsv1.ReplicaSet, pods []corev1.Pod) []Problem {
	var found []Problem
	if message, since, ok := creationFailure(d, current); ok {
		p := Problem{Reason: ReasonRejected, Message: "pods cannot be created: " + message, Since: since, Final: refused(message)}
		if strings.Contains(message, "exceeded quota") {
			p.Reason = ReasonQuota
			p.Final = !anyTerminating(OwnedPods(d, sets, pods))
		}
		found = append(found, p)
	}
	if c := deploymentCondition(d, appsv1.DeploymentProgressing); c != nil && deadlineExceeded(d, current, c) {
		found = append(found, Problem{Reason: ReasonProgressDeadline, Message: c.Message, Since: c.LastUpdateTime.Time, Final: true})
	}
	return found
}

// creationFailure returns why pods of the current template cannot be created. The ReplicaSet's own condition is read
// where there is a ReplicaSet, since the Deployment also repeats failures of old ones (getReplicaFailures in
// pkg/controller/deployment/progress.go).
func creationFailure(d *appsv1.Deployment, current *appsv1.ReplicaSet) (string, time.Time, bool) {
	if current != nil {
		for _, c := range current.Status.Conditions {
			if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue && c.Reason == "FailedCreate" {
				return c.Message, c.LastTransitionTime.Time, true
			}
		}
		return "", time.Time{}, false
	}
	if d.Status.ObservedGeneration < d.Generation {
		return "", time.Time{}, false
	}
	if c := deploymentCondition(d, appsv1.DeploymentProgressing); c != nil && c.Reason == "ReplicaSetCreateError" {
		return c.Message, c.LastUpdateTime.Time, true
	}
	if c := deploymentCondition(d, appsv1.DeploymentReplicaFailure); c != nil && c.Status == corev1.ConditionTrue {
		return c.Message, c.LastUpdateTime.Time, true
	}
	return "", time.Time{}, false
}

// refused tells whether the API server's text is a decision and not a failure to decide: a webhook that cannot be
// called may come back.
func refused(message string) bool {
	if strings.Contains(message, "failed calling webhook") {
		return false
	}
	return containsAny(message, "forbidden", "exceeded", "denied", "violates", "is invalid")
}

// anyTerminating tells whether pods are on their way out: they give their share of a quota back.
func anyTerminating(pods []corev1.Pod) bool {
	return slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
}

// deadlineExceeded tells whether a failing Progressing condition is about the present template. It can be left over:
// rolling back to an existing ReplicaSet keeps the condition until the first progress (getNewReplicaSet in
// pkg/controller/deployment/sync.go sets it only where there is none). The condition carries no generation, but its
// message names the ReplicaSet.
func deadlineExceeded(d *appsv1.Deployment, current *appsv1.ReplicaSet, c *appsv1.DeploymentCondition) bool {
	if c.Status != corev1.ConditionFalse || c.Reason != "ProgressDeadlineExceeded" || d.Status.ObservedGeneration < d.Generation {
		return false
	}
	if current == nil {
		return true
	}
	aboutOther := strings.HasPrefix(c.Message, "ReplicaSet ") && !strings.Contains(c.Message, `"`+current.Name+`"`)
	return !aboutOther && !c.LastUpdateTime.Before(&current.CreationTimestamp)
}

func deploymentCondition(d *appsv1.Deployment, kind appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range d.Status.Conditions {
		if d.Status.Conditions[i].Type == kind {
			return &d.Status.Conditions[i]
		}
	}
	return nil
}

func containsAny(s string, parts ...string) bool {
	s = strings.ToLower(s)
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(s, part) })
}
