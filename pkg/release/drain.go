package release

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/traffic"
)

// Drain waits until no EndpointSlice of the namespace lists any of the pods that are to go, other than those of the
// ignored Services, and then for delay, in which the nodes and load balancers follow. Pods that come after the call are
// not looked at: the caller has seen that nothing selects them. When ctx ends first, the error says what still routes to
// the pods.
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
	switch {
	case err != nil && ctx.Err() != nil && routed == nil:
		return exit.Ended(ctx, "the endpoints of the pods were not seen: %w", err)
	case err != nil && ctx.Err() != nil:
		return exit.Ended(ctx, "pods still have endpoints (pods by service: %v)", routed)
	case err != nil:
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
