package workload

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// defaultGrace is what the API server sets where terminationGracePeriodSeconds is missing.
const defaultGrace = 30 * time.Second

// minTermWindow is what the kubelet leaves between SIGTERM and SIGKILL when preStop used up the whole grace period
// (minimumGracePeriodInSeconds in pkg/kubelet/kuberuntime/kuberuntime_container.go).
const minTermWindow = 2 * time.Second

// ShutdownWarnings says what will lose requests when pods of the template are deleted, one sentence each and nothing
// for a sound template. drainDelay is how long routing may still send requests to a deleted pod: deletion makes the
// endpoints change and the kubelet's SIGTERM happen at the same time, so a preStop delay has to bridge it. Containers
// that declare ports or a readinessProbe are judged, or all of them if none does.
func ShutdownWarnings(t corev1.PodTemplateSpec, drainDelay time.Duration) []string {
	grace := defaultGrace
	if t.Spec.TerminationGracePeriodSeconds != nil {
		grace = time.Duration(*t.Spec.TerminationGracePeriodSeconds) * time.Second
	}
	if grace == 0 {
		return []string{"terminationGracePeriodSeconds is 0: pods are killed at once, without preStop and without a chance to finish requests"}
	}
	var warnings []string
	for _, c := range trafficContainers(t.Spec) {
		if w := preStopWarning(c, grace, drainDelay); w != "" {
			warnings = append(warnings, w)
		}
	}
	return warnings
}

func trafficContainers(s corev1.PodSpec) []corev1.Container {
	var taking []corev1.Container
	for _, c := range servingContainers(s) {
		if len(c.Ports) > 0 || c.ReadinessProbe != nil {
			taking = append(taking, c)
		}
	}
	if len(taking) == 0 {
		return s.Containers
	}
	return taking
}

func preStopWarning(c corev1.Container, grace, drainDelay time.Duration) string {
	if c.Lifecycle == nil || c.Lifecycle.PreStop == nil {
		return fmt.Sprintf("container %q has no preStop delay: it gets SIGTERM while requests can still reach it for up to %s", c.Name, drainDelay)
	}
	sleep, known := preStopSleep(c.Lifecycle.PreStop)
	switch {
	case !known:
		return fmt.Sprintf("container %q: how long its preStop hook takes was not checked (it must last at least %s, and end well within the grace period of %s)",
			c.Name, drainDelay, grace)
	case sleep >= grace:
		return fmt.Sprintf("container %q: preStop sleeps %s and terminationGracePeriodSeconds is %d: only %s remain between SIGTERM and SIGKILL",
			c.Name, sleep, int64(grace.Seconds()), minTermWindow)
	case sleep < drainDelay:
		return fmt.Sprintf("container %q: preStop sleeps %s, less than the %s for which requests can still reach it", c.Name, sleep, drainDelay)
	case sleep+drainDelay > grace:
		return fmt.Sprintf("container %q: preStop sleeps %s of the %s in terminationGracePeriodSeconds: %s remain to finish requests, less than the drain delay of %s",
			c.Name, sleep, grace, max(grace-sleep, minTermWindow), drainDelay)
	}
	return ""
}

// shellSleep finds the sleep commands of a shell line: at its start or after a separator.
var shellSleep = regexp.MustCompile(`(?:^|[;&|\n]|\bexec)\s*(?:/[\w./-]*/)?sleep\s+(\d+(?:\.\d+)?)([smh]?)\b`)

// preStopSleep returns how long a preStop hook sleeps, as far as it can be read: the sleep action, or `sleep N`
// executed directly or in a shell line. False means it cannot be told.
func preStopSleep(h *corev1.LifecycleHandler) (time.Duration, bool) {
	if h.Sleep != nil {
		return time.Duration(h.Sleep.Seconds) * time.Second, true
	}
	if h.Exec == nil {
		return 0, false
	}
	line := strings.Join(h.Exec.Command, " ")
	if args := h.Exec.Command; len(args) >= 3 && strings.HasPrefix(args[1], "-") && strings.HasSuffix(args[1], "c") {
		line = args[2]
	}
	found := shellSleep.FindAllStringSubmatch(strings.TrimSpace(line), -1)
	var total time.Duration
	for _, m := range found {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return 0, false
		}
		unit := map[string]time.Duration{"": time.Second, "s": time.Second, "m": time.Minute, "h": time.Hour}[m[2]]
		total += time.Duration(n * float64(unit))
	}
	return total, len(found) > 0
}
