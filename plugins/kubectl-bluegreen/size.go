package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// replicasOf returns how many replicas the Deployment is meant to have now, 0 when it is gone.
func (a *actor) replicasOf(ctx context.Context, name string) (int32, error) {
	if name == "" {
		return 0, nil
	}
	d, err := a.client.Typed.AppsV1().Deployments(a.client.Namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return ptr.Deref(d.Spec.Replicas, 1), nil
}

// podsOf returns the Deployment's pods; with older only those that are not of its current template.
func (a *actor) podsOf(ctx context.Context, name string, older bool) ([]corev1.Pod, error) {
	typed, namespace := a.client.Typed, a.client.Namespace
	d, err := typed.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	selected := metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(d.Spec.Selector)}
	sets, err := kube.List[appsv1.ReplicaSet](ctx, selected, typed.AppsV1().ReplicaSets(namespace).List)
	if err != nil {
		return nil, err
	}
	pods, err := kube.List[corev1.Pod](ctx, selected, typed.CoreV1().Pods(namespace).List)
	if err != nil {
		return nil, err
	}
	pods = workload.OwnedPods(d, sets, pods)
	if !older {
		return pods, nil
	}
	current := workload.CurrentReplicaSet(d, sets)
	var rest []corev1.Pod
	for _, pod := range pods {
		if current == nil || !metav1.IsControlledBy(&pod, current) {
			rest = append(rest, pod)
		}
	}
	return rest, nil
}

// peers returns the start-up times of the Deployment's pods; they tell how long a healthy pod takes. What cannot be
// read is simply not known.
func (a *actor) peers(ctx context.Context, name string) []time.Duration {
	pods, err := a.podsOf(ctx, name, false)
	if err != nil {
		return nil
	}
	var times []time.Duration
	for i := range pods {
		if took, ok := workload.StartupTime(&pods[i]); ok {
			times = append(times, took)
		}
	}
	return times
}

// growStep brings the Deployment to the present size of its peer. An HPA that is at work owns the replicas: then its
// floor is raised instead of writing them. At 0 replicas an HPA is at rest by design, and the replicas are written
// (pkg/controller/podautoscaler/horizontal.go: scaling is disabled when the target has 0 replicas).
func (a *actor) growStep(name, peer string, replicas int32, hpa *autoscalingv2.HorizontalPodAutoscaler) release.Step {
	step := release.Step{ID: "grow", Text: fmt.Sprintf("bring deployment %s to %d replicas, the size of deployment %s", name, replicas, peer)}
	step.Commands = []string{scaleCommand(a.client.Namespace, name, replicas)}
	step.Do = func(ctx context.Context) (string, error) {
		want, err := a.replicasOf(ctx, peer)
		if err != nil {
			return "", err
		}
		if hpa != nil {
			if err := a.raiseFloor(ctx, hpa.Name, want); err != nil {
				return "", err
			}
		}
		return "", a.updateDeployment(ctx, name, func(live *appsv1.Deployment) (kube.Fields, error) {
			have := ptr.Deref(live.Spec.Replicas, 1)
			if have >= want || hpa != nil && have > 0 {
				return nil, nil
			}
			return scaleTo(want), nil
		})
	}
	return step
}

// floorStep keeps the HPA of a side without traffic from shrinking it: that side must stay at full size, to be switched
// to. The size is that of the Deployment like, as it is when the step runs. The HPA's own minReplicas is kept in an
// annotation.
func (a *actor) floorStep(hpa *autoscalingv2.HorizontalPodAutoscaler, deployment, like string, replicas int32) release.Step {
	fields := kube.Fields{"spec": map[string]any{"minReplicas": replicas}}
	return release.Step{
		ID: "hold-size", Text: fmt.Sprintf("hold deployment %s at %d replicas while it has no traffic: raise the minimum of its HPA %s", deployment, replicas, hpa.Name),
		Commands: []string{fields.Command("hpa/"+hpa.Name, a.client.Namespace)},
		Do: func(ctx context.Context) (string, error) {
			now, err := a.replicasOf(ctx, like)
			if err != nil {
				return "", err
			}
			return "", a.raiseFloor(ctx, hpa.Name, now)
		},
	}
}

func (a *actor) raiseFloor(ctx context.Context, name string, replicas int32) error {
	return a.updateAutoscaler(ctx, name, func(live *autoscalingv2.HorizontalPodAutoscaler) (kube.Fields, error) {
		now := ptr.Deref(live.Spec.MinReplicas, 1)
		if now >= replicas {
			return nil, nil
		}
		fields := kube.Fields{"spec": map[string]any{"minReplicas": min(replicas, live.Spec.MaxReplicas)}}
		if live.Annotations[release.AnnotationFloor] == "" {
			fields = fields.Merge(kube.Annotate(map[string]string{release.AnnotationFloor: strconv.Itoa(int(now))}))
		}
		return fields, nil
	})
}

// unfloorStep gives a held HPA its own minimum back.
func (a *actor) unfloorStep(hpa, deployment string) release.Step {
	return release.Step{
		ID: "release-size", Text: fmt.Sprintf("let HPA %s scale deployment %s down again: put its own minimum back", hpa, deployment),
		Commands: []string{fmt.Sprintf("kubectl patch hpa/%s -n %s --type=merge -p '{\"spec\":{\"minReplicas\":<as before>}}'", hpa, a.client.Namespace)},
		Do: func(ctx context.Context) (string, error) {
			err := a.updateAutoscaler(ctx, hpa, func(live *autoscalingv2.HorizontalPodAutoscaler) (kube.Fields, error) {
				before, err := strconv.Atoi(live.Annotations[release.AnnotationFloor])
				if err != nil { // it is not held
					return nil, nil
				}
				fields := kube.Fields{"spec": map[string]any{"minReplicas": before}}
				return fields.Merge(kube.Annotate(map[string]string{release.AnnotationFloor: ""})), nil
			})
			if apierrors.IsNotFound(err) {
				return "it is gone", nil
			}
			return "", err
		},
	}
}

// waitFullStep waits until the Deployment is settled with all its replicas, and at least atLeast of them, available.
func (a *actor) waitFullStep(id, deployment string, atLeast int32, peers func(context.Context) []time.Duration) release.Step {
	return release.Step{
		ID: id, Text: fmt.Sprintf("wait until deployment %s is available at full size", deployment), Waits: true,
		Do: func(ctx context.Context) (string, error) {
			var known []time.Duration
			if peers != nil {
				known = peers(ctx)
			}
			last := ""
			wait := release.WaitFor{Client: a.client, Namespace: a.client.Namespace, Deployment: deployment, Peers: known,
				Done: release.Full(atLeast), Progress: func(line string) { last = line; a.progress(line) }}
			return last, wait.Wait(ctx)
		},
	}
}
