package main

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-switchyard/switchyard/pkg/load"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

func TestPodWatch(t *testing.T) {
	// The switch was at 03:30:00. Each look is one reading of a single pod.
	tests := []struct {
		name  string
		looks []string
		want  []string
	}{
		{"steady", []string{`
containerStatuses:
- {name: app, ready: true, state: {running: {startedAt: "2026-11-22T03:20:00Z"}}}`}, []string{""}},
		{"ended since the switch and restarted", []string{`
containerStatuses:
- name: app
  ready: true
  restartCount: 1
  state: {running: {startedAt: "2026-11-22T03:30:12Z"}}
  lastState: {terminated: {exitCode: 3, reason: Error, finishedAt: "2026-11-22T03:30:11Z"}}`},
			[]string{"container app of pod hello-green-1 ended with exit code 3 (Error) 11s after the switch"}},
		{"ended since the switch and down", []string{`
containerStatuses:
- name: app
  state: {terminated: {exitCode: 137, reason: OOMKilled, finishedAt: "2026-11-22T03:31:30Z"}}`},
			[]string{"container app of pod hello-green-1 ended with exit code 137 (OOMKilled) 1m30s after the switch"}},
		{"in a crash loop since the switch", []string{`
containerStatuses:
- name: app
  state: {waiting: {reason: CrashLoopBackOff}}
  lastState: {terminated: {exitCode: 1, reason: Error, finishedAt: "2026-11-22T03:30:05Z"}}`},
			[]string{"container app of pod hello-green-1 ended with exit code 1 (Error) 5s after the switch"}},
		{"ended before the switch", []string{`
containerStatuses:
- name: app
  ready: true
  restartCount: 1
  state: {running: {startedAt: "2026-11-22T03:29:31Z"}}
  lastState: {terminated: {exitCode: 3, reason: Error, finishedAt: "2026-11-22T03:29:30Z"}}`}, []string{""}},
		{"lost with its node, time unknown", []string{`
containerStatuses:
- name: app
  ready: true
  state: {running: {startedAt: "2026-11-22T03:20:00Z"}}
  lastState: {terminated: {exitCode: 137, reason: ContainerStatusUnknown}}`}, []string{""}},
		{"not ready any more, seen ready before", []string{`
containerStatuses:
- {name: app, ready: true, state: {running: {startedAt: "2026-11-22T03:30:20Z"}}}`, `
containerStatuses:
- {name: app, ready: false, state: {running: {startedAt: "2026-11-22T03:30:20Z"}}}`},
			[]string{"", "container app of pod hello-green-1 was ready and is not any more"}},
		{"not ready at the first look, though it runs since before the switch", []string{`
containerStatuses:
- {name: app, ready: false, state: {running: {startedAt: "2026-11-22T03:29:00Z"}}}`},
			[]string{"container app of pod hello-green-1 was ready and is not any more"}},
		{"made by an HPA after the switch, on its way up", []string{`
containerStatuses:
- {name: app, state: {waiting: {reason: ContainerCreating}}}`, `
containerStatuses:
- {name: app, ready: false, state: {running: {startedAt: "2026-11-22T03:30:20Z"}}}`, `
containerStatuses:
- {name: app, ready: true, state: {running: {startedAt: "2026-11-22T03:30:20Z"}}}`}, []string{"", "", ""}},
		{"node cut off: the control plane says not ready, the kubelet said ready", []string{`
conditions:
- {type: Ready, status: "False"}
containerStatuses:
- {name: app, ready: true, state: {running: {startedAt: "2026-11-22T03:20:00Z"}}}`}, []string{""}},
		{"the second container is the one that ended", []string{`
containerStatuses:
- {name: app, ready: true, state: {running: {startedAt: "2026-11-22T03:20:00Z"}}}
- name: proxy
  ready: true
  state: {running: {startedAt: "2026-11-22T03:30:03Z"}}
  lastState: {terminated: {exitCode: 0, reason: Completed, finishedAt: "2026-11-22T03:30:02Z"}}`},
			[]string{"container proxy of pod hello-green-1 ended with exit code 0 (Completed) 2s after the switch"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			watch := podWatch{since: moment.Time, ready: map[string]bool{}}
			for i, look := range test.looks {
				pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "hello-green-1", UID: "uid-1"}, Status: parse[corev1.PodStatus](t, look)}
				wantText(t, watch.failure(release.Awaited{Pods: []corev1.Pod{pod}}), test.want[i])
			}
		})
	}
}

func TestPodWatchOfInitContainers(t *testing.T) {
	const ended = "  - {name: %s, state: {terminated: {exitCode: 1, reason: Error, finishedAt: \"2026-11-22T03:30:05Z\"}}}\n"
	tests := map[string]struct{ container, want string }{
		"a sidecar serves as long as the pod": {"proxy", "container proxy of pod hello-green-1 ended with exit code 1 (Error) 5s after the switch"},
		"an ordinary one ends by intent":      {"migrate", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			pod := parse[corev1.Pod](t, `
metadata: {name: hello-green-1}
spec:
  initContainers:
  - {name: proxy, restartPolicy: Always}
  - {name: migrate}
status:
  initContainerStatuses:
`+fmt.Sprintf(ended, test.container))
			watch := podWatch{since: moment.Time, ready: map[string]bool{}}
			wantText(t, watch.failure(release.Awaited{Pods: []corev1.Pod{pod}}), test.want)
		})
	}
}

func TestPodWatchNamesItsEvidence(t *testing.T) {
	watch := podWatch{since: moment.Time, ready: map[string]bool{}}
	pod := parse[corev1.Pod](t, `
metadata: {name: hello-green-1}
status:
  containerStatuses:
  - {name: app, state: {terminated: {exitCode: 1, reason: Error, finishedAt: "2026-11-22T03:30:05Z"}}}`)
	watch.failure(release.Awaited{Pods: []corev1.Pod{pod}})
	wantText(t, fmt.Sprintf("%s %s %s", watch.problem.Reason, watch.problem.Pod, watch.problem.Container), "CrashLoop hello-green-1 app")
}

func TestURLFailure(t *testing.T) {
	const url = "http://hello/healthz"
	tests := []struct {
		name    string
		report  load.Report
		success float64
		latency time.Duration
		want    string
	}{
		{"too few to judge, all lost", load.Report{Sent: 19, Lost: 19, LostBy: map[load.Cause]load.Loss{load.CauseRefused: {Count: 19}}}, 99, 0, ""},
		{"just enough, all lost", load.Report{Sent: 20, Lost: 20, LostBy: map[load.Cause]load.Loss{load.CauseRefused: {Count: 20}}}, 99, 0,
			"http://hello/healthz: 0.0% of 20 requests succeeded, the limit is 99.0% (20 refused)"},
		{"all answered", load.Report{Sent: 20, Answered: 20}, 100, 0, ""},
		{"at the limit", load.Report{Sent: 100, Answered: 99, Lost: 1, LostBy: map[load.Cause]load.Loss{load.CauseReset: {Count: 1}}}, 99, 0, ""},
		{"just below the limit", load.Report{Sent: 100, Answered: 98, Lost: 2, LostBy: map[load.Cause]load.Loss{load.CauseReset: {Count: 2}}}, 99, 0,
			"http://hello/healthz: 98.0% of 100 requests succeeded, the limit is 99.0% (2 reset)"},
		{"on their way is not lost", load.Report{Sent: 25, Answered: 20, InFlight: 5}, 100, 0, ""},
		{"on their way is not an answer either", load.Report{Sent: 20, Answered: 19, InFlight: 1}, 100, 0, ""},
		{"not sent for too many on their way", load.Report{Offered: 60, Sent: 40, Answered: 20, InFlight: 20, Lost: 20, LostBy: map[load.Cause]load.Loss{load.CauseNotSent: {Count: 20}}}, 99, 0, ""},
		{"any share will do", load.Report{Sent: 20, Lost: 20}, 0, 0, ""},
		{"latency at the limit", load.Report{Sent: 20, Answered: 20, Latency: load.Latency{P90Seconds: 0.25}}, 99, 250 * time.Millisecond, ""},
		{"latency above the limit", load.Report{Sent: 20, Answered: 20, Latency: load.Latency{P90Seconds: 0.2512}}, 99, 250 * time.Millisecond,
			"http://hello/healthz: 90% of 20 requests took up to 0.251 s, the limit is 0.250 s"},
		{"any latency will do", load.Report{Sent: 20, Answered: 20, Latency: load.Latency{P90Seconds: 60}}, 99, 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			options := runOptions{CheckURL: url, CheckSuccess: test.success, CheckLatency: metav1.Duration{Duration: test.latency}}
			wantText(t, urlFailure(test.report, options), test.want)
		})
	}
}

func TestLossText(t *testing.T) {
	tests := map[string]struct {
		lost map[load.Cause]load.Loss
		want string
	}{
		"none":    {nil, ""},
		"several": {map[load.Cause]load.Loss{load.CauseTimeout: {Count: 3}, load.CauseEOF: {Count: 1}, load.CauseReset: {Count: 12}}, " (1 eof, 12 reset, 3 timeout)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for range 20 { // the order of a map differs from call to call
				wantText(t, lossText(load.Report{LostBy: test.lost}), test.want)
			}
		})
	}
}
