package workload

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	noProbes    = `spec: {containers: [{name: app}]}`
	fastReady   = `spec: {containers: [{name: app, readinessProbe: {periodSeconds: 2, timeoutSeconds: 1}}]}`
	slowStart   = `spec: {containers: [{name: app, startupProbe: {periodSeconds: 10, failureThreshold: 30, timeoutSeconds: 1}, readinessProbe: {periodSeconds: 2}}]}`
	lateReady   = `spec: {containers: [{name: app, readinessProbe: {initialDelaySeconds: 120, periodSeconds: 10}}]}`
	onlyStartup = `spec: {containers: [{name: app, startupProbe: {initialDelaySeconds: 5, periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 4}}]}`
)

func TestReadyBudget(t *testing.T) {
	cases := []struct {
		name, template string
		seconds        int
	}{
		{"no probes", noProbes, 0},
		{"liveness alone declares nothing", `spec: {containers: [{name: app, livenessProbe: {periodSeconds: 10}}]}`, 0},
		{"one readiness period and time-out", fastReady, 2 + 1},
		{"successThreshold repeats the period", `spec: {containers: [{name: app, readinessProbe: {periodSeconds: 5, successThreshold: 3, timeoutSeconds: 2}}]}`, 5 + 2*5 + 2},
		{"the API server's defaults", `spec: {containers: [{name: app, startupProbe: {}}]}`, 10 + 2*10 + 1},
		{"a time-out above the period stretches the ticks", onlyStartup, 5 + 1 + 3*3 + 3},
		{"startup, then readiness", slowStart, 10 + 29*10 + 1 + 2 + 1},
		{"the longer of startup and readiness delay", lateReady, 120 + 10 + 1},
		{"the slowest container counts", `spec: {containers: [{name: a, readinessProbe: {periodSeconds: 2}}, {name: b, readinessProbe: {periodSeconds: 7}}]}`, 7 + 1},
		{"a sidecar starts first", `
spec:
  initContainers: [{name: mesh, restartPolicy: Always, startupProbe: {periodSeconds: 1, failureThreshold: 5}}]
  containers: [{name: app, readinessProbe: {periodSeconds: 2}}]`, (1 + 4*1 + 1) + (2 + 1)},
		{"an init container that ends is before the start", `
spec:
  initContainers: [{name: migrate}]
  containers: [{name: app, readinessProbe: {periodSeconds: 2}}]`, 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			want := time.Duration(c.seconds) * time.Second
			if got := ReadyBudget(parse[corev1.PodTemplateSpec](t, c.template)); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestNotReadyLimit(t *testing.T) {
	const s, h = time.Second, time.Hour
	cases := []struct {
		name, template string
		peers          []time.Duration
		want           time.Duration
	}{
		{"nothing known", noProbes, nil, 60 * s},
		{"nothing measured, a long budget declared", slowStart, nil, 304 * s},
		{"fast peers: the least patience", fastReady, []time.Duration{2 * s, 3 * s}, 20 * s},
		{"a peer within the second it started", fastReady, []time.Duration{0}, 20 * s},
		{"three times the slowest peer", fastReady, []time.Duration{12 * s, 40 * s}, 120 * s},
		{"the declared budget outlasts fast peers", slowStart, []time.Duration{2 * s}, 304 * s},
		{"a declared delay outlasts fast peers", lateReady, []time.Duration{2 * s}, 131 * s},
		{"a slow first pod is believed", fastReady, []time.Duration{10 * s, 9 * time.Minute}, 27 * time.Minute},
		{"a peer that lost its readiness later is not", fastReady, []time.Duration{4 * s, 30 * h}, 20 * s},
		{"slow applications are believed when all are slow", fastReady, []time.Duration{15 * time.Minute, 20 * time.Minute}, h},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := NotReadyLimit(parse[corev1.PodTemplateSpec](t, c.template), c.peers); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
