package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
	"github.com/kubectl-switchyard/switchyard/pkg/traffic"
	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// move is a switch of some Services from one slot to another.
type move struct {
	services []string
	key      string
	from, to string
	// deployment serves the slot to; peer the slot from.
	deployment, peer string
	// what says in an error what was being tried.
	what string
	// record is what the primary Service's journal holds once it is switched.
	record release.Record
	// soak makes the record one of a release that is being watched for so long.
	soak time.Duration
	// entry is put into the history in the same write, unless its operation is empty.
	entry release.Entry
}

// switchStep judges the move on the live state and carries it out: the primary Service first, with the journal in the
// same write, so that whoever comes after a crash knows that the others are to follow.
func (a *actor) switchStep(m move) release.Step {
	var commands []string
	for _, name := range m.services {
		commands = append(commands, selectSlot(m.key, m.to).Command("service/"+name, a.client.Namespace))
	}
	return release.Step{
		ID: "switch", Text: fmt.Sprintf("switch service %s from %s=%s to %s", strings.Join(m.services, ", "), m.key, m.from, m.to), Commands: commands,
		Do: func(ctx context.Context) (string, error) { return "", a.move(ctx, m) },
	}
}

func (a *actor) move(ctx context.Context, m move) error {
	judge := func(ctx context.Context) (*facts, error) {
		if f := a.freshFacts(m); f != nil {
			return f, nil
		}
		f, err := a.readFacts(ctx, m.services, m.key, m.to, m.deployment, m.peer)
		if err != nil || a.dry() { // on a dry run nothing before this step has really happened
			return f, err
		}
		return f, refuseStep(m.what, f.refusals())
	}
	record := m.record
	record.SwitchedAt = ptr.To(metav1.NewTime(a.now()))
	if record.Phase == release.Soaking {
		record.PhaseSince, record.Until = *record.SwitchedAt, soakEnd(a.client.Now(), m.soak)
	}
	extra := func(live *corev1.Service) kube.Fields {
		if live.Name != m.services[0] || notedIn(live, m.record) {
			return nil
		}
		annotations := map[string]string{release.AnnotationRelease: record.Annotation()}
		if m.entry.Operation != "" {
			annotations[release.AnnotationHistory] = release.AddHistory(live.Annotations, m.entry)
		}
		return kube.Annotate(annotations)
	}
	if err := a.repoint(ctx, m.key, m.from, m.to, judge, extra); err != nil {
		return err
	}
	a.background.Go(func() { // nobody waits for it while traffic moves
		a.events.Normal(ctx, "Switched", "%s switched %s from %s=%s to %s (release %s)", a.by, strings.Join(m.services, ", "), m.key, m.from, m.to, m.record.ID)
	})
	return nil
}

// notedIn tells whether the Service's journal has the move of the record: it was made by an earlier try or command.
func notedIn(live *corev1.Service, record release.Record) bool {
	noted, err := release.ReadRecord(live.Annotations)
	return err == nil && noted != nil && noted.ID == record.ID && noted.To == record.To && noted.SwitchedAt != nil
}

// repoint makes the judged Services select key=to, in their order. Each write holds only for the Service as it was judged:
// when one changed since, everything is judged again. A Service must select key=from now, or to already; anything else
// was changed by somebody else since the plan, and stops it. extra are fields of the same write.
func (a *actor) repoint(ctx context.Context, key, from, to string, judge func(context.Context) (*facts, error), extra func(*corev1.Service) kube.Fields) error {
	for try := 1; ; try++ {
		f, err := judge(ctx)
		if err != nil {
			return err
		}
		err = a.repointAll(ctx, f.Services, key, from, to, extra)
		if !apierrors.IsConflict(err) || try == conflictTries {
			a.judged = f
			return err
		}
	}
}

func (a *actor) repointAll(ctx context.Context, judged []*corev1.Service, key, from, to string, extra func(*corev1.Service) kube.Fields) error {
	for _, service := range judged {
		have := service.Spec.Selector[key]
		if have == "" && a.dry() {
			continue // a dry run that adopts has not really given it a slot
		}
		if have != from && have != to {
			return exit.Errorf(exit.Conflict, "service %s: its selector was changed by somebody else: %s is %q, where the plan has %q; nothing was written to it",
				service.Name, key, have, from)
		}
	}
	for _, service := range judged {
		fields := extra(service)
		if service.Spec.Selector[key] != to {
			fields = selectSlot(key, to).Merge(fields)
		}
		if len(fields) == 0 {
			continue
		}
		patch, err := fields.Conditional(service.ResourceVersion)
		if err != nil {
			return err
		}
		services := a.client.Typed.CoreV1().Services(service.Namespace)
		if _, err := services.Patch(ctx, service.Name, types.MergePatchType, patch, kube.PatchOptions(a.dry())); err != nil {
			return err
		}
	}
	return nil
}

// endpointsStep waits until the EndpointSlices of the Services show the slot's pods on every port, and no others.
func (a *actor) endpointsStep(m move) release.Step {
	return release.Step{
		ID: "await-endpoints", Text: fmt.Sprintf("wait until the endpoints of service %s are the pods of %s=%s, on every port", strings.Join(m.services, ", "), m.key, m.to), Waits: true,
		Do: func(ctx context.Context) (string, error) { return a.awaitEndpoints(ctx, m) },
	}
}

func (a *actor) awaitEndpoints(ctx context.Context, m move) (string, error) {
	f, err := a.judgedFor(ctx, m)
	if err != nil {
		return "", err
	}
	endpointSlices := kube.NewStore[discoveryv1.EndpointSlice](a.client.Watching.DiscoveryV1().EndpointSlices(a.client.Namespace), metav1.ListOptions{})
	missing, read := "the endpoints were not read yet", time.Now()
	err = kube.Until(ctx, func() (bool, error) {
		if missing = unconverged(f, endpointSlices.Items()); missing == "" || time.Since(read) < patience {
			return missing == "", nil
		}
		// The pods may be other ones by now: replaced, scaled, or on a node that was lost.
		if f, err = a.readFacts(ctx, m.services, m.key, m.to, m.deployment, ""); err != nil {
			return false, err
		}
		f.Pods, read = readyPods(f.Pods), time.Now()
		return false, nil
	}, endpointSlices)
	if err != nil && ctx.Err() != nil {
		return "", exit.Ended(ctx, "the services select %s=%s, but %s", m.key, m.to, missing)
	}
	if err != nil { // a second look that failed has left no facts
		return "", err
	}
	return countPods(f) + " behind every port", nil
}

// countPods says how many pods each Service leads to: one figure when it is the same for all.
func countPods(f *facts) string {
	var counts []string
	for _, service := range f.Services {
		count := fmt.Sprintf("%d pods", len(f.matching(service)))
		if count == "1 pods" {
			count = "1 pod"
		}
		if !slices.Contains(counts, count) {
			counts = append(counts, count)
		}
	}
	return strings.Join(counts, ", ")
}

// patience is how long the endpoints may take to follow the pods before the pods are read again.
const patience = 2 * time.Second

// readyPods returns the pods that are to be endpoints: one that is not ready any more is not waited for.
func readyPods(pods []corev1.Pod) []corev1.Pod {
	var ready []corev1.Pod
	for i := range pods {
		if workload.PodReady(&pods[i]) {
			ready = append(ready, pods[i])
		}
	}
	return ready
}

// freshness is how old the facts of the plan may be to be those of the switch. Reading them anew right after the lock was
// written costs up to 100 ms: the API server answers a list after a write only when its watch cache has caught up with
// that (KEP-2340). A pod that goes within this time is no other case than one that goes right after a look.
const freshness = 250 * time.Millisecond

// freshFacts returns the facts that the plan was made on and that allowed the move, if that was a moment ago; once. The
// write is conditional on the Services as they were then.
func (a *actor) freshFacts(m move) *facts {
	f := a.allowed
	a.allowed = nil
	if f == nil || f.To != m.to || len(f.Services) != len(m.services) || time.Since(f.ReadAt) > freshness {
		return nil
	}
	return f
}

// judgedFor returns the facts that the switch was judged by just now, or reads them when it was done by an earlier call.
func (a *actor) judgedFor(ctx context.Context, m move) (*facts, error) {
	if a.judged != nil && a.judged.To == m.to {
		return a.judged, nil
	}
	return a.readFacts(ctx, m.services, m.key, m.to, m.deployment, "")
}

// unconverged says what the EndpointSlices lack, "" when they are as they should be.
func unconverged(f *facts, endpointSlices []discoveryv1.EndpointSlice) string {
	for _, service := range f.Services {
		pods := f.matching(service)
		if len(pods) == 0 {
			return fmt.Sprintf("no pod of service %s is ready", service.Name)
		}
		endpoints := traffic.EndpointsOf(service, endpointSlices)
		for _, port := range endpoints.Ports {
			if in := port.Ready.CountIn(pods); in < len(pods) {
				return fmt.Sprintf("port %s of service %s has %d of %d pods as ready endpoints", traffic.PortLabel(port.Port), service.Name, in, len(pods))
			}
			if others := len(port.Ready) - port.Ready.CountIn(pods); others > 0 {
				return fmt.Sprintf("port %s of service %s still has %d other endpoints", traffic.PortLabel(port.Port), service.Name, others)
			}
		}
	}
	return ""
}

// drainDelay is how long nodes and load balancers get to follow.
func (a *actor) drainDelay(p *pair) time.Duration {
	const inCluster, loadBalancer = 5 * time.Second, 60 * time.Second
	if a.DrainDelay > 0 {
		return a.DrainDelay
	}
	for _, service := range p.Services {
		if service.Spec.Type == corev1.ServiceTypeLoadBalancer {
			return loadBalancer
		}
	}
	return inCluster
}
