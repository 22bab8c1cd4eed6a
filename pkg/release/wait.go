package release

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/traffic"
	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// unschedulableFor is how long a pod may be unschedulable before that counts as final; a cluster autoscaler needs
// some time to bring a node.
const unschedulableFor = 60 * time.Second

// Awaited is a live view of a Deployment while a release waits for it.
type Awaited struct {
	Deployment *appsv1.Deployment
	// Pods are those of the current template that are not being deleted; Older are the Deployment's other pods.
	Pods, Older []corev1.Pod
	// Problems are what keeps pods from becoming available, worst first.
	Problems []workload.Problem
}

// WaitFor names a Deployment and what to wait for.
type WaitFor struct {
	Client                *kube.Client
	Namespace, Deployment string
	// Peers are start-up times of the pods that serve now; they bound how long a new pod may stay not ready.
	Peers []time.Duration
	// Done tells whether what is seen is what was waited for, or that it never will be.
	Done func(Awaited) (bool, error)
	// Progress is told of every change, in one line.
	Progress func(line string)
}

// Wait watches the Deployment until Done, or until its pods show a problem that does not go away by itself; then the
// error has exit.No and gives the real reason, with the last log lines of a crashed container. When ctx ends first, the
// error has exit.TimedOut and says what was still missing.
func (w WaitFor) Wait(ctx context.Context) error {
	live, err := w.Client.Typed.AppsV1().Deployments(w.Namespace).Get(ctx, w.Deployment, metav1.GetOptions{})
	if err != nil {
		return err
	}
	selector := metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(live.Spec.Selector)}
	byName := metav1.ListOptions{FieldSelector: "metadata.name=" + w.Deployment}
	deployments := kube.NewStore[appsv1.Deployment](w.Client.Watching.AppsV1().Deployments(w.Namespace), byName)
	sets := kube.NewStore[appsv1.ReplicaSet](w.Client.Watching.AppsV1().ReplicaSets(w.Namespace), selector)
	pods := kube.NewStore[corev1.Pod](w.Client.Watching.CoreV1().Pods(w.Namespace), selector)

	limits := workload.Limits{UnschedulableFor: unschedulableFor, NotReadyFor: workload.NotReadyLimit(live.Spec.Template, w.Peers)}
	var seen Awaited
	line := ""
	err = kube.Until(ctx, func() (bool, error) {
		found := deployments.Items()
		if len(found) == 0 {
			return false, exit.Errorf(exit.No, "deployment %s was deleted while it was being waited for", w.Deployment)
		}
		seen = observe(&found[0], sets.Items(), pods.Items(), limits)
		if now := seen.line(); now != line {
			line = now
			w.Progress(line)
		}
		if done, err := w.Done(seen); done || err != nil {
			return done, err
		}
		return false, finalProblem(seen)
	}, deployments, sets, pods)
	var final *finalError
	if errors.As(err, &final) {
		return w.explain(ctx, final.seen)
	}
	if err != nil && ctx.Err() != nil {
		return exit.Ended(ctx, "deployment %s: %s", w.Deployment, seen.line())
	}
	return err
}

// Full is the usual Done: every replica is updated and available, and there are at least atLeast of them.
func Full(atLeast int32) func(Awaited) (bool, error) {
	return func(seen Awaited) (bool, error) {
		rollout := workload.RolloutOf(seen.Deployment)
		return rollout.Settled && rollout.Available >= atLeast, nil
	}
}

type finalError struct{ seen Awaited }

func (*finalError) Error() string { return "final problem" }

func finalProblem(seen Awaited) error {
	for _, problem := range seen.Problems {
		if problem.Final {
			return &finalError{seen}
		}
	}
	return nil
}

func observe(d *appsv1.Deployment, sets []appsv1.ReplicaSet, pods []corev1.Pod, limits workload.Limits) Awaited {
	seen := Awaited{Deployment: d, Problems: workload.Problems(d, sets, pods, nil, limits, time.Now())}
	current := workload.CurrentReplicaSet(d, sets)
	for _, pod := range workload.OwnedPods(d, sets, pods) {
		switch {
		case current == nil || !metav1.IsControlledBy(&pod, current):
			seen.Older = append(seen.Older, pod)
		case pod.DeletionTimestamp == nil:
			seen.Pods = append(seen.Pods, pod)
		}
	}
	return seen
}

// line is the state in one line.
func (a Awaited) line() string {
	if a.Deployment == nil {
		return "not read yet"
	}
	rollout := workload.RolloutOf(a.Deployment)
	text := fmt.Sprintf("%d of %d available (%d ready, %d updated)", rollout.Available, rollout.Desired, rollout.Ready, rollout.Updated)
	if len(a.Problems) > 0 {
		text += "; " + a.Problems[0].Reason + ": " + clip(a.Problems[0].Message)
	}
	return text
}

// clip shortens a message for a progress line; the error that may follow has it whole.
func clip(message string) string {
	const most = 120
	if runes := []rune(message); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return message
}

// explain makes the error for a final problem, with the evidence that a person would look for next.
func (w WaitFor) explain(ctx context.Context, seen Awaited) error {
	problem := seen.Problems[0]
	for _, candidate := range seen.Problems {
		if candidate.Final {
			problem = candidate
			break
		}
	}
	return exit.Errorf(exit.No, "deployment %s does not become available: %s: %s%s", w.Deployment, problem.Reason, problem.Message,
		Evidence(ctx, w.Client.Typed, w.Namespace, problem))
}

// evidenceDeadline bounds the look-up of logs and Events for a failure that is reported anyway.
const evidenceDeadline = 3 * time.Second

// Evidence returns what a person would look up next about a problem: the last log lines of a crashed container, or the
// last probe failure that the kubelet reported. It returns "" or text that begins with a line break; what cannot be
// read is said.
func Evidence(ctx context.Context, client kubernetes.Interface, namespace string, problem workload.Problem) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), evidenceDeadline)
	defer cancel()
	switch problem.Reason {
	case workload.ReasonCrashLoop, workload.ReasonOOMKilled:
		return lastLogs(ctx, client, namespace, problem)
	case workload.ReasonNotReady, workload.ReasonNotStarted:
		return lastProbeFailure(ctx, client, namespace, problem)
	}
	return ""
}

// logLines is how many of a crashed container's last lines are shown.
const logLines = 5

func lastLogs(ctx context.Context, client kubernetes.Interface, namespace string, problem workload.Problem) string {
	for _, previous := range []bool{true, false} {
		options := &corev1.PodLogOptions{Container: problem.Container, Previous: previous, TailLines: ptr.To(int64(logLines))}
		raw, err := client.CoreV1().Pods(namespace).GetLogs(problem.Pod, options).DoRaw(ctx)
		if reason, missing := kube.Unavailable(err); err != nil && missing && previous == false {
			return "\n  (its log was not read: " + reason + ")"
		}
		if text := strings.TrimRight(string(raw), "\n"); err == nil && text != "" {
			return fmt.Sprintf("\n  last lines of the log of pod %s, container %s:\n    %s", problem.Pod, problem.Container,
				strings.ReplaceAll(text, "\n", "\n    "))
		}
	}
	return ""
}

func lastProbeFailure(ctx context.Context, client kubernetes.Interface, namespace string, problem workload.Problem) string {
	events, err := client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{
		FieldSelector: "involvedObject.kind=Pod,reason=Unhealthy,involvedObject.name=" + problem.Pod,
	})
	if reason, missing := kube.Unavailable(err); missing {
		return "\n  (its probe failures were not read: " + reason + ")"
	}
	if err != nil || len(events.Items) == 0 {
		return ""
	}
	last := events.Items[0]
	for _, event := range events.Items {
		if event.LastTimestamp.After(last.LastTimestamp.Time) {
			last = event
		}
	}
	return fmt.Sprintf("\n  the kubelet says of pod %s: %s (%d times)", problem.Pod, strings.TrimSpace(last.Message), max(last.Count, 1))
}

// Drain waits until no EndpointSlice of the namespace lists any of the pods that are to go, other than those of the
// ignored Services, and then for delay, in which the nodes and load balancers follow. pods is asked again at every look.
func Drain(ctx context.Context, client *kube.Client, namespace string, pods []corev1.Pod, ignored []string, delay time.Duration) error {
	slices := kube.NewStore[discoveryv1.EndpointSlice](client.Watching.DiscoveryV1().EndpointSlices(namespace), metav1.ListOptions{})
	var routed map[string]int
	err := kube.Until(ctx, func() (bool, error) {
		routed = traffic.Routed(slices.Items(), pods)
		for _, service := range ignored {
			delete(routed, service)
		}
		return len(routed) == 0, nil
	}, slices)
	if err != nil && ctx.Err() != nil {
		return exit.Ended(ctx, "pods still have endpoints (pods by service: %v)", routed)
	}
	if err != nil {
		return err
	}
	return Sleep(ctx, delay)
}

// Sleep waits for d or until ctx ends, and then returns ctx's error.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
