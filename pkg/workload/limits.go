package workload

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// ReadyBudget returns the longest time that a pod of the template may take from the start of its first long-running
// container to Ready, if its application keeps within what its probes declare. Zero means that no probe says anything.
// It follows pkg/kubelet/prober/worker.go, with I initialDelaySeconds, P periodSeconds, T timeoutSeconds, F
// failureThreshold and S successThreshold:
//
//	startup    = I + P + (F-1)*max(P,T) + T    the first probe comes within P after I, a slow probe holds up the next,
//	                                           and the F-th is the last that may succeed
//	readiness  = max(startup, I) + P + (S-1)*max(P,T) + T
//
// Restartable init containers start one after the other, each when the one before has started; the others start
// together, so the slowest of them counts. How long readiness may fail is not declared anywhere and not included.
func ReadyBudget(t corev1.PodTemplateSpec) time.Duration {
	var started, ready time.Duration
	for _, c := range t.Spec.InitContainers {
		if restartable(c) {
			ready = max(ready, started+containerBudget(c))
			started += startupBudget(c.StartupProbe)
		}
	}
	for _, c := range t.Spec.Containers {
		if budget := containerBudget(c); budget > 0 {
			ready = max(ready, started+budget)
		}
	}
	return max(ready, started)
}

func containerBudget(c corev1.Container) time.Duration {
	startup := startupBudget(c.StartupProbe)
	if c.ReadinessProbe == nil {
		return startup
	}
	p := timingOf(c.ReadinessProbe)
	return max(startup, p.delay) + p.period + time.Duration(p.success-1)*max(p.period, p.timeout) + p.timeout
}

func startupBudget(probe *corev1.Probe) time.Duration {
	if probe == nil {
		return 0
	}
	p := timingOf(probe)
	return p.delay + p.period + time.Duration(p.failure-1)*max(p.period, p.timeout) + p.timeout
}

type timing struct {
	delay, period, timeout time.Duration
	failure, success       int32
}

// timingOf reads a probe with the API server's defaults for what is not set (SetDefaults_Probe in
// pkg/apis/core/v1/defaults.go).
func timingOf(p *corev1.Probe) timing {
	or := func(value, fallback int32) int32 {
		if value == 0 {
			return fallback
		}
		return value
	}
	return timing{
		delay:   time.Duration(p.InitialDelaySeconds) * time.Second,
		period:  time.Duration(or(p.PeriodSeconds, 10)) * time.Second,
		timeout: time.Duration(or(p.TimeoutSeconds, 1)) * time.Second,
		failure: or(p.FailureThreshold, 3),
		success: or(p.SuccessThreshold, 1),
	}
}

const (
	// leastNotReady is the shortest patience with a pod that is not ready: two default probe periods.
	leastNotReady = 20 * time.Second
	// unknownNotReady is the patience when nothing was measured.
	unknownNotReady = 60 * time.Second
	// peerFactor and peerSlack say how much slower than the slowest measured peer a healthy pod may be.
	peerFactor = 3
	peerSlack  = 10 * time.Second
	// oddPeer and oddPeerFactor mark a measured time as no start-up time.
	oddPeer       = 10 * time.Minute
	oddPeerFactor = 10
)

// NotReadyLimit returns how long a container of the template may run without being ready until that counts as final.
// peers are start-up times measured on the side that serves (StartupTime). It is the longest of
//
//	20 s
//	ReadyBudget of the template
//	with peers:    3 x the slowest peer, and the slowest peer + 10 s
//	without peers: 60 s
//
// so a pod that will never be ready is found in tens of seconds, and one that is merely slow has what it declares and
// what it was seen to need. A peer that took more than ten minutes and more than ten times as long as the fastest is
// left out: it lost its readiness later, and only the latest transition is known.
func NotReadyLimit(t corev1.PodTemplateSpec, peers []time.Duration) time.Duration {
	limit := max(leastNotReady, ReadyBudget(t))
	slowest := slowestPeer(peers)
	if slowest == 0 {
		return max(limit, unknownNotReady)
	}
	return max(limit, peerFactor*slowest, slowest+peerSlack)
}

func slowestPeer(peers []time.Duration) time.Duration {
	if len(peers) == 0 {
		return 0
	}
	// Transitions are whole seconds, so a fast peer may measure zero.
	fastest := max(slices.Min(peers), time.Second)
	slowest := fastest
	for _, peer := range peers {
		if peer <= oddPeer || peer <= oddPeerFactor*fastest {
			slowest = max(slowest, peer)
		}
	}
	return slowest
}
