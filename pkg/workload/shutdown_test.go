package workload

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func TestShutdownWarnings(t *testing.T) {
	cases := []struct {
		name, template string
		want           []string
	}{
		{"a sound template", `spec: {containers: [{name: app, lifecycle: {preStop: {sleep: {seconds: 5}}}}]}`, nil},
		{"no preStop", `spec: {containers: [{name: app}]}`,
			[]string{`container "app" has no preStop delay: it gets SIGTERM while requests can still reach it for up to 5s`}},
		{"only containers that take traffic are judged", `
spec:
  containers:
  - {name: app, ports: [{containerPort: 80}], lifecycle: {preStop: {exec: {command: [sleep, "10"]}}}}
  - {name: log}`, nil},
		{"a sleep in a shell line", `spec: {containers: [{name: app, lifecycle: {preStop: {exec: {command: [/bin/sh, -c, "sleep 8; nginx -s quit"]}}}}]}`, nil},
		{"sleeps add up, with units", `spec: {terminationGracePeriodSeconds: 60, containers: [{name: app, lifecycle: {preStop: {exec: {command: [bash, -ec, "/bin/sleep 2.5; sleep 1m"]}}}}]}`,
			[]string{`container "app": preStop sleeps 1m2.5s and terminationGracePeriodSeconds is 60: only 2s remain between SIGTERM and SIGKILL`}},
		{"too short", `spec: {containers: [{name: app, lifecycle: {preStop: {sleep: {seconds: 2}}}}]}`,
			[]string{`container "app": preStop sleeps 2s, less than the 5s for which requests can still reach it`}},
		{"the whole grace period", `spec: {containers: [{name: app, lifecycle: {preStop: {sleep: {seconds: 30}}}}]}`,
			[]string{`container "app": preStop sleeps 30s and terminationGracePeriodSeconds is 30: only 2s remain between SIGTERM and SIGKILL`}},
		{"nearly the whole grace period", `spec: {terminationGracePeriodSeconds: 12, containers: [{name: app, lifecycle: {preStop: {sleep: {seconds: 9}}}}]}`,
			[]string{`container "app": preStop sleeps 9s of the 12s in terminationGracePeriodSeconds: 3s remain to finish requests, less than the drain delay of 5s`}},
		{"a command of unknown length is not called good", `spec: {containers: [{name: app, lifecycle: {preStop: {exec: {command: [/drain.sh]}}}}]}`,
			[]string{`container "app": how long its preStop hook takes was not checked (it must last at least 5s, and end well within the grace period of 30s)`}},
		{"a variable sleep is not guessed", `spec: {containers: [{name: app, lifecycle: {preStop: {exec: {command: [sh, -c, "sleep $DELAY"]}}}}]}`,
			[]string{`container "app": how long its preStop hook takes was not checked (it must last at least 5s, and end well within the grace period of 30s)`}},
		{"no grace at all", `spec: {terminationGracePeriodSeconds: 0, containers: [{name: app, lifecycle: {preStop: {sleep: {seconds: 5}}}}]}`,
			[]string{"terminationGracePeriodSeconds is 0: pods are killed at once, without preStop and without a chance to finish requests"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wantLines(t, ShutdownWarnings(parse[corev1.PodTemplateSpec](t, c.template), 5*time.Second), c.want)
		})
	}
}
