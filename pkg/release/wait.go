package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
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
	events := &podEvents{client: w.Client.Typed, namespace: w.Namespace, byPod: map[string][]corev1.Event{}}
	var seen Awaited
	line := ""
	err = kube.Until(ctx, func() (bool, error) {
		found := deployments.Items()
		if len(found) == 0 {
			return false, exit.Errorf(exit.No, "deployment %s was deleted while it was being waited for", w.Deployment)
		}
		look := func() Awaited {
			return observe(&found[0], sets.Items(), pods.Items(), events.all(), limits, w.Client.Now())
		}
		seen = look()
		if troubled := events.due(seen, w.Client.Now()); len(troubled) > 0 {
			events.read(ctx, troubled, w.Client.Now())
			seen = look()
		}
		if now := seen.line(); now != line {
			line = now
			w.Progress(line)
		}
		if done, err := w.Done(seen); done || err != nil {
			return done, err
		}
		if problem := finalOf(seen); problem != nil {
			return false, w.explain(ctx, *problem, events.unread)
		}
		return false, nil
	}, deployments, sets, pods)
	switch {
	case err == nil || ctx.Err() == nil || !errors.Is(err, ctx.Err()):
		return err
	case seen.Deployment == nil:
		return exit.Ended(ctx, "deployment %s was not seen: %w", w.Deployment, err)
	}
	return exit.Ended(ctx, "deployment %s: %s", w.Deployment, seen.line())
}

// Full is the usual Done: every replica is updated and available, and there are at least atLeast of them.
func Full(atLeast int32) func(Awaited) (bool, error) {
	return func(seen Awaited) (bool, error) {
		rollout := workload.RolloutOf(seen.Deployment)
		return rollout.Settled && rollout.Available >= atLeast, nil
	}
}

// finalOf returns the problem that waiting does not help against, nil when there is none.
func finalOf(seen Awaited) *workload.Problem {
	if i := slices.IndexFunc(seen.Problems, func(p workload.Problem) bool { return p.Final }); i >= 0 {
		return &seen.Problems[i]
	}
	return nil
}

func observe(d *appsv1.Deployment, sets []appsv1.ReplicaSet, pods []corev1.Pod, events []corev1.Event, limits workload.Limits, now time.Time) Awaited {
	seen := Awaited{Deployment: d, Problems: workload.Problems(d, sets, pods, events, limits, now)}
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

// lineWidth is how many characters of a problem a line of progress shows; the error that may follow has it whole.
const lineWidth = 120

// line is the state in one line.
func (a Awaited) line() string {
	rollout := workload.RolloutOf(a.Deployment)
	text := fmt.Sprintf("%d of %d available (%d ready, %d updated)", rollout.Available, rollout.Desired, rollout.Ready, rollout.Updated)
	if len(a.Problems) > 0 {
		text += "; " + a.Problems[0].Reason + ": " + clip(a.Problems[0].Message, lineWidth)
	}
	return text
}

// explain makes the error for a final problem, with what a person would look for next. unread is why Events, which give
// many a problem its cause, could not be read.
func (w WaitFor) explain(ctx context.Context, problem workload.Problem, unread string) error {
	more := ""
	switch {
	case problem.Reason == workload.ReasonCrashLoop, problem.Reason == workload.ReasonOOMKilled:
		more = Evidence(ctx, w.Client.Typed, w.Namespace, problem)
	case unread != "":
		more = "\n  (the Events about its pods were not read: " + unread + ")"
	}
	return exit.Errorf(exit.No, "deployment %s does not become available: %s: %s%s", w.Deployment, problem.Reason, problem.Message, more)
}
