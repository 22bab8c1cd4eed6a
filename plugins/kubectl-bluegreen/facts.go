package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/traffic"
	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// facts are what a switch is judged by: the live state of everything that the new selectors would match.
type facts struct {
	Services []*corev1.Service
	// Key and To are the slot that the Services are to select.
	Key, To string
	// Target is the slot's Deployment, nil when there is none; Need is the number of replicas that it must have.
	Target *appsv1.Deployment
	Need   int32
	Sets   []appsv1.ReplicaSet
	// Pods are those that any of the future selectors matches.
	Pods []corev1.Pod
	// MinReadySeconds is how long a pod must have been ready; it is the Deployment's own, unless that is held.
	MinReadySeconds int32
	// Unprobed accepts pods of which nobody knows whether they are ready.
	Unprobed bool
	// Now is the API server's time of the look, ReadAt this machine's.
	Now, ReadAt time.Time
}

// refusals returns why the Services must not be pointed at the slot, in sentences; none means that they may.
func (f facts) refusals() []string {
	if f.Target == nil {
		return []string{fmt.Sprintf("there is no Deployment for slot %s=%s", f.Key, f.To)}
	}
	var why []string
	why = append(why, f.unsettled()...)
	if len(why) == 0 {
		why = append(why, f.tooSmall()...)
	}
	if len(why) == 0 && ptr.Deref(f.Target.Spec.Replicas, 1) == 0 { // as many as a serving side that is scaled to 0 itself
		why = append(why, fmt.Sprintf("deployment %s is scaled to 0", f.Target.Name))
	}
	why = append(why, f.foreign()...)
	why = append(why, missingPorts(&f)...)
	return append(why, f.unprobedText(f.Target.Name)...)
}

// unprobedText refuses a Deployment of whose pods nobody knows whether they can answer. The fault is the template's; name
// is the Deployment that has it, or will have it.
func (f facts) unprobedText(name string) []string {
	if f.Unprobed || f.MinReadySeconds > 0 || workload.HasReadinessGate(f.Target.Spec.Template) {
		return nil
	}
	return []string{fmt.Sprintf("deployment %s has neither a readinessProbe nor minReadySeconds, so its pods count as ready before they can answer "+
		"(--allow-unprobed accepts that)", name)}
}

// missingPorts are the ports that some of the pods do not serve.
func missingPorts(f *facts) []string {
	var why []string
	for _, service := range f.Services {
		why = append(why, traffic.MissingPorts(service, f.matching(service))...)
	}
	return why
}

// unsettled tells that the Deployment is still rolling out.
func (f facts) unsettled() []string {
	rollout := workload.RolloutOf(f.Target)
	switch {
	case f.Target.Spec.Paused:
		return []string{fmt.Sprintf("deployment %s is paused", f.Target.Name)}
	case !rollout.Observed:
		return []string{fmt.Sprintf("deployment %s was changed just now and its controller has not seen it yet", f.Target.Name)}
	case rollout.Updated < rollout.Desired || rollout.Current > rollout.Updated:
		return []string{fmt.Sprintf("deployment %s is rolling out: %d of %d replicas are updated, %d pods in all", f.Target.Name,
			rollout.Updated, rollout.Desired, rollout.Current)}
	}
	return nil
}

// tooSmall tells that there are not enough available pods behind the future selector of some Service.
func (f facts) tooSmall() []string {
	desired := ptr.Deref(f.Target.Spec.Replicas, 1)
	if desired < f.Need {
		return []string{fmt.Sprintf("deployment %s has %d replicas, the serving side has %d", f.Target.Name, desired, f.Need)}
	}
	var why []string
	for _, service := range f.Services {
		pods, available := f.matching(service), 0
		for i := range pods {
			if workload.PodAvailable(&pods[i], f.MinReadySeconds, f.Now) {
				available++
			}
		}
		if int32(available) < desired {
			why = append(why, fmt.Sprintf("service %s would select %s: %d pods, of which %d of %d are available", service.Name,
				labelText(f.selector(service)), len(pods), available, desired))
		}
	}
	return why
}

// foreign tells that a future selector matches pods that are not the target's.
func (f facts) foreign() []string {
	own := map[string]bool{}
	for _, pod := range workload.OwnedPods(f.Target, f.Sets, f.Pods) {
		own[pod.Name] = true
	}
	var why []string
	for _, service := range f.Services {
		var others []string
		for _, pod := range f.matching(service) {
			if !own[pod.Name] {
				others = append(others, pod.Name)
			}
		}
		if len(others) > 0 {
			why = append(why, fmt.Sprintf("service %s would also select pods that do not belong to deployment %s: %s", service.Name,
				f.Target.Name, strings.Join(others, ", ")))
		}
	}
	return why
}

// selector is the Service's selector after the switch.
func (f facts) selector(service *corev1.Service) map[string]string {
	return traffic.With(service.Spec.Selector, f.Key, f.To)
}

// matching returns the pods that the Service's future selector matches and that are not going away.
func (f facts) matching(service *corev1.Service) []corev1.Pod {
	var staying []corev1.Pod
	for _, pod := range traffic.MatchingPods(f.selector(service), f.Pods) {
		if pod.DeletionTimestamp == nil {
			staying = append(staying, pod)
		}
	}
	return staying
}

// readFacts reads live what a switch of the named Services to the slot is judged by. deployment may be "" when the slot
// has none; peer is the Deployment whose size the slot must have, "" for any size.
func (a *actor) readFacts(ctx context.Context, names []string, key, to, deployment, peer string) (*facts, error) {
	f := &facts{Key: key, To: to, Unprobed: a.AllowUnprobed, Now: a.client.Now(), ReadAt: time.Now()}
	typed, namespace := a.client.Typed, a.client.Namespace
	inSlot := metav1.ListOptions{LabelSelector: key + "=" + to}
	group, groupCtx := errgroup.WithContext(ctx)
	f.Services = make([]*corev1.Service, len(names))
	for i, name := range names {
		group.Go(func() (err error) {
			f.Services[i], err = typed.CoreV1().Services(namespace).Get(groupCtx, name, metav1.GetOptions{})
			return err
		})
	}
	group.Go(func() (err error) {
		f.Need, err = a.replicasOf(groupCtx, peer)
		return err
	})
	if deployment != "" {
		group.Go(func() error {
			found, err := typed.AppsV1().Deployments(namespace).Get(groupCtx, deployment, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return nil
			}
			f.Target = found
			return err
		})
	}
	fetch(group, &f.Pods, nil, func() ([]corev1.Pod, error) {
		return kube.List[corev1.Pod](groupCtx, inSlot, typed.CoreV1().Pods(namespace).List)
	})
	fetch(group, &f.Sets, nil, func() ([]appsv1.ReplicaSet, error) {
		return kube.List[appsv1.ReplicaSet](groupCtx, inSlot, typed.AppsV1().ReplicaSets(namespace).List)
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if f.Target != nil {
		f.MinReadySeconds = ownMinReady(f.Target)
	}
	return f, nil
}

// refuse makes one error out of sentences, nil out of none, for a plan that was not begun.
func refuse(what string, why []string) error { return refusal(what, "nothing was changed", why) }

// refuseStep is refuse for a step: earlier ones may have written something, but no traffic has moved.
func refuseStep(what string, why []string) error { return refusal(what, "no traffic was moved", why) }

func refusal(what, kept string, why []string) error {
	switch len(why) {
	case 0:
		return nil
	case 1:
		return exit.Errorf(exit.Refused, "%s: %s; %s", what, why[0], kept)
	}
	return exit.Errorf(exit.Refused, "%s; %s:\n- %s", what, kept, strings.Join(why, "\n- "))
}
