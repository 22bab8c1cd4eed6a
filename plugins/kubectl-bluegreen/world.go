package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// world is what was read of one namespace, or of all, at one moment. Nothing in it is per pod, so reading it costs the
// same handful of requests however many pods there are.
type world struct {
	Services    []corev1.Service
	Deployments []appsv1.Deployment
	Slices      []discoveryv1.EndpointSlice
	Autoscalers []autoscalingv2.HorizontalPodAutoscaler
	Budgets     []policyv1.PodDisruptionBudget
	Leases      []coordinationv1.Lease
	// NotChecked says, by kind, why something could not be read.
	NotChecked map[string]string
}

// readWorld reads a namespace ("" for all). Services and Deployments must be readable; of the rest, what a missing
// right hides is noted in NotChecked. services narrows the Services by label.
func readWorld(ctx context.Context, client *kube.Client, namespace, services string) (*world, error) {
	w := &world{NotChecked: map[string]string{}}
	typed := client.Typed
	group, ctx := errgroup.WithContext(ctx)
	var unread [4]string
	fetch(group, &w.Services, nil, func() ([]corev1.Service, error) {
		return kube.List[corev1.Service](ctx, metav1.ListOptions{LabelSelector: services}, typed.CoreV1().Services(namespace).List)
	})
	fetch(group, &w.Deployments, nil, func() ([]appsv1.Deployment, error) {
		return kube.List[appsv1.Deployment](ctx, metav1.ListOptions{}, typed.AppsV1().Deployments(namespace).List)
	})
	fetch(group, &w.Slices, &unread[0], func() ([]discoveryv1.EndpointSlice, error) {
		return kube.List[discoveryv1.EndpointSlice](ctx, metav1.ListOptions{}, typed.DiscoveryV1().EndpointSlices(namespace).List)
	})
	fetch(group, &w.Autoscalers, &unread[1], func() ([]autoscalingv2.HorizontalPodAutoscaler, error) {
		return kube.List[autoscalingv2.HorizontalPodAutoscaler](ctx, metav1.ListOptions{}, typed.AutoscalingV2().HorizontalPodAutoscalers(namespace).List)
	})
	fetch(group, &w.Budgets, &unread[2], func() ([]policyv1.PodDisruptionBudget, error) {
		return kube.List[policyv1.PodDisruptionBudget](ctx, metav1.ListOptions{}, typed.PolicyV1().PodDisruptionBudgets(namespace).List)
	})
	fetch(group, &w.Leases, &unread[3], func() ([]coordinationv1.Lease, error) {
		return kube.List[coordinationv1.Lease](ctx, metav1.ListOptions{}, typed.CoordinationV1().Leases(namespace).List)
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, kind := range []string{"endpointslices", "horizontalpodautoscalers", "poddisruptionbudgets", "leases"} {
		if unread[i] != "" {
			w.NotChecked[kind] = unread[i]
		}
	}
	return w, nil
}

// fetch reads a list into target, beside others. When unread is given, a missing right ends up there and not as an
// error.
func fetch[T any](group *errgroup.Group, target *[]T, unread *string, read func() ([]T, error)) {
	group.Go(func() error {
		items, err := read()
		if reason, missing := kube.Unavailable(err); missing && unread != nil {
			*unread = reason
			return nil
		}
		*target = items
		return err
	})
}

// unread says what could not be read, and why, in order of the kinds.
func (w *world) unread() []string {
	var lines []string
	for _, kind := range slices.Sorted(maps.Keys(w.NotChecked)) {
		lines = append(lines, fmt.Sprintf("%s not checked: %s", kind, w.NotChecked[kind]))
	}
	return lines
}

// service returns the named Service of the namespace, nil when there is none.
func (w *world) service(namespace, name string) *corev1.Service {
	for i := range w.Services {
		if w.Services[i].Namespace == namespace && w.Services[i].Name == name {
			return &w.Services[i]
		}
	}
	return nil
}

// serviceNames returns the names of the namespace's Services.
func (w *world) serviceNames(namespace string) []string {
	var names []string
	for _, service := range w.Services {
		if service.Namespace == namespace {
			names = append(names, service.Name)
		}
	}
	return names
}

// lease returns the named Lease, nil when there is none.
func (w *world) lease(namespace, name string) *coordinationv1.Lease {
	for i := range w.Leases {
		if w.Leases[i].Namespace == namespace && w.Leases[i].Name == name {
			return &w.Leases[i]
		}
	}
	return nil
}

// uncopied returns the HPA of the active side that the new side, a Deployment of that name, gets a copy of. There is none
// when the name has an HPA already, if only that of a Deployment that was deleted. KEDA's are not copied: it makes them
// from its own objects.
func (w *world) uncopied(p *pair, name string) *autoscalingv2.HorizontalPodAutoscaler {
	hpa := w.autoscalerOf(p.Active.Deployment)
	if hpa == nil || w.autoscalerFor(p.Primary.Namespace, name) != nil {
		return nil
	}
	if _, owned := workload.KedaOwned(hpa); owned {
		return nil
	}
	return hpa
}

// autoscalerOf returns the HPA that scales the Deployment, nil when there is none.
func (w *world) autoscalerOf(d *appsv1.Deployment) *autoscalingv2.HorizontalPodAutoscaler {
	return w.autoscalerFor(d.Namespace, d.Name)
}

func (w *world) autoscalerFor(namespace, deployment string) *autoscalingv2.HorizontalPodAutoscaler {
	named := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: deployment}}
	if found := workload.Autoscalers(named, w.Autoscalers); len(found) > 0 {
		return &found[0]
	}
	return nil
}

// holdable is autoscalerOf, but nil for an HPA that KEDA makes and would put back from its ScaledObject.
func (w *world) holdable(d *appsv1.Deployment) *autoscalingv2.HorizontalPodAutoscaler {
	hpa := w.autoscalerOf(d)
	if hpa == nil {
		return nil
	}
	if _, keda := workload.KedaOwned(hpa); keda {
		return nil
	}
	return hpa
}
