package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/load"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// soakError says that the new side did not stand its trial.
type soakError struct{ reason string }

func (e *soakError) Error() string { return e.reason }

// soakStep watches the new side's pods, and the URL if there is one, until the soak is over.
func (a *actor) soakStep(m move, options runOptions) release.Step {
	what := "the pods"
	if options.CheckURL != "" {
		what += " and " + options.CheckURL
	}
	return release.Step{
		ID: "soak", Text: fmt.Sprintf("watch %s of %s for %s", what, m.deployment, options.Soak.Duration), Waits: true,
		Do: func(ctx context.Context) (string, error) { return a.soak(ctx, m, options) },
	}
}

func (a *actor) soak(ctx context.Context, m move, options runOptions) (string, error) {
	record, err := a.liveRecord(ctx)
	if err != nil {
		return "", err
	}
	since := a.client.Now()
	until := since.Add(options.Soak.Duration)
	if record != nil && record.Until != nil && record.SwitchedAt != nil {
		until, since = record.Until.Time, record.SwitchedAt.Time
	}
	probe, err := startURLCheck(ctx, options, until.Sub(a.client.Now()))
	if err != nil {
		return "", err
	}
	if probe != nil {
		defer probe.Stop()
	}
	watch := podWatch{since: since, ready: map[string]bool{}}
	last := ""
	wait := release.WaitFor{Client: a.client, Namespace: a.client.Namespace, Deployment: m.deployment, Progress: func(string) {},
		Done: func(seen release.Awaited) (bool, error) {
			if why := watch.failure(seen); why != "" {
				return false, &soakError{why + release.Evidence(ctx, a.client.Typed, a.client.Namespace, watch.problem)}
			}
			if probe != nil {
				if why := urlFailure(probe.Snapshot(), options); why != "" {
					return false, &soakError{why}
				}
			}
			last = a.soakProgress(last, until)
			return !a.client.Now().Before(until), nil
		}}
	if err := wait.Wait(ctx); err != nil {
		return "", err
	}
	return verdict(probe, options)
}

// soakProgress tells the time left, every minute and in the last one every ten seconds.
func (a *actor) soakProgress(last string, until time.Time) string {
	left := until.Sub(a.client.Now())
	if left < 10*time.Second {
		return last
	}
	step := left.Round(time.Minute)
	if left < time.Minute {
		step = left.Round(10 * time.Second)
	}
	if line := step.String() + " left"; step > 0 && line != last {
		a.progress(line)
		return line
	}
	return last
}

func (a *actor) liveRecord(ctx context.Context) (*release.Record, error) {
	service, err := a.client.Typed.CoreV1().Services(a.client.Namespace).Get(ctx, a.primary, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return release.ReadRecord(service.Annotations)
}

// podWatch judges the pods of a side that has the traffic.
type podWatch struct {
	since time.Time
	// ready are the containers that were seen ready, by pod and container.
	ready map[string]bool
	// problem is what failure found, for a look at its evidence.
	problem workload.Problem
}

// failure says what is wrong with the pods, "" when nothing is: a container that ended since the switch, or one that was
// ready and is not any more. The readiness of the container counts, as the kubelet reports it: a pod on a node that was
// cut off is set to not ready by the control plane, and that is not the new version's fault.
func (w *podWatch) failure(seen release.Awaited) string {
	for i := range seen.Pods {
		pod := &seen.Pods[i]
		for _, status := range servingStatuses(pod) {
			if why := w.containerFailure(pod, status); why != "" {
				return why
			}
		}
	}
	return ""
}

// servingStatuses are those of the containers that run as long as the pod does: sidecars, which are restartable init
// containers (KEP-753), and the others.
func servingStatuses(pod *corev1.Pod) []corev1.ContainerStatus {
	sidecars := slices.DeleteFunc(slices.Clone(pod.Status.InitContainerStatuses), func(status corev1.ContainerStatus) bool {
		return !slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool {
			return c.Name == status.Name && ptr.Deref(c.RestartPolicy, "") == corev1.ContainerRestartPolicyAlways
		})
	})
	return append(sidecars, pod.Status.ContainerStatuses...)
}

func (w *podWatch) containerFailure(pod *corev1.Pod, status corev1.ContainerStatus) string {
	w.problem = workload.Problem{Pod: pod.Name, Container: status.Name}
	for _, ended := range []*corev1.ContainerStateTerminated{status.State.Terminated, status.LastTerminationState.Terminated} {
		if ended != nil && ended.FinishedAt.After(w.since) {
			w.problem.Reason = workload.ReasonCrashLoop
			return fmt.Sprintf("container %s of pod %s ended with exit code %d (%s) %s after the switch", status.Name, pod.Name, ended.ExitCode, ended.Reason,
				ended.FinishedAt.Sub(w.since).Round(time.Second))
		}
	}
	key := string(pod.UID) + "/" + status.Name
	if status.Ready {
		w.ready[key] = true
		return ""
	}
	// One that was not seen ready may be new, unless the whole pod was ready before: its start is older than the switch.
	old := status.State.Running != nil && status.State.Running.StartedAt.Time.Before(w.since)
	if w.ready[key] || old {
		w.problem.Reason = workload.ReasonNotReady
		return fmt.Sprintf("container %s of pod %s was ready and is not any more", status.Name, pod.Name)
	}
	return ""
}

// The requests of the URL check, per second, and the fewest from which a verdict is drawn.
const (
	checkRate    = 5
	checkSamples = 20
)

// startURLCheck begins to ask the URL, nil when there is none.
func startURLCheck(ctx context.Context, options runOptions, left time.Duration) (*load.Meter, error) {
	if options.CheckURL == "" {
		return nil, nil
	}
	duration := max(left, checkSamples/checkRate*time.Second) + time.Minute
	return load.Start(ctx, load.Options{URL: options.CheckURL, Rate: checkRate, Concurrency: 4 * checkRate, Duration: duration, Timeout: 10 * time.Second})
}

// urlFailure says in which way the answers so far break the limits, "" while they do not or are too few. A request on
// its way is neither a success nor a loss yet.
func urlFailure(report load.Report, options runOptions) string {
	ended := report.Sent - report.InFlight
	if ended < checkSamples {
		return ""
	}
	success := 100 * float64(report.Answered) / float64(ended)
	if success < options.CheckSuccess {
		return fmt.Sprintf("%s: %.1f%% of %d requests succeeded, the limit is %.1f%%%s", options.CheckURL, success, ended, options.CheckSuccess, lossText(report))
	}
	limit := options.CheckLatency.Duration.Seconds()
	if limit > 0 && report.Latency.P90Seconds > limit {
		return fmt.Sprintf("%s: 90%% of %d requests took up to %.3f s, the limit is %.3f s", options.CheckURL, ended, report.Latency.P90Seconds, limit)
	}
	return ""
}

func lossText(report load.Report) string {
	var parts []string
	for _, cause := range slices.Sorted(maps.Keys(report.LostBy)) {
		parts = append(parts, fmt.Sprintf("%d %s", report.LostBy[cause].Count, cause))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// verdict closes the soak. A URL check with too few answers is undecided, and that is no pass.
func verdict(probe *load.Meter, options runOptions) (string, error) {
	if probe == nil {
		return "no container ended or lost its readiness", nil
	}
	for probe.Snapshot().Sent < checkSamples {
		select {
		case <-probe.Done():
		case <-time.After(time.Second / checkRate):
			continue
		}
		break
	}
	report := probe.Stop()
	if report.Sent < checkSamples {
		return "", exit.Errorf(exit.Waiting, "%s: undecided: %d requests are too few", options.CheckURL, report.Sent)
	}
	if why := urlFailure(report, options); why != "" {
		return "", &soakError{why}
	}
	return fmt.Sprintf("no container ended or lost its readiness; %d of %d requests to %s succeeded", report.Answered, report.Sent, options.CheckURL), nil
}

// soakEnd is when a soak that begins at now ends, in whole seconds and never early.
func soakEnd(now time.Time, soak time.Duration) *metav1.Time {
	return ptr.To(metav1.NewTime(now.UTC().Add(soak + time.Second - 1).Truncate(time.Second)))
}
