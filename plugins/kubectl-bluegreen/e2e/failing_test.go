package e2e_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-switchyard/switchyard/pkg/load"
	"github.com/kubectl-switchyard/switchyard/scripts/e2e"
)

// failing is a new version that must not keep the traffic.
type failing struct {
	name  string
	image string
	// flags are added to run.
	flags []string
	// reason must match stderr: the real reason, as the kubelet or the application gives it.
	reason string
	// moved tells whether the new version has the traffic for a while.
	moved bool
	// within bounds the time until the command ends; its own deadline is 10 minutes.
	within time.Duration
}

var failures = []failing{{
	name: "image that cannot be pulled", image: "localhost/demoapp:absent",
	reason: `
error: deployment hello-green does not become available: ImagePull: 2 of 2 pods: container "app" cannot pull image "localhost/demoapp:absent": .*
  no traffic was moved: service hello is on version=blue \(deployment hello-blue\)`,
	within: 45 * time.Second,
}, {
	name: "crash loop", image: e2e.Image("crash"),
	reason: `
error: deployment hello-green does not become available: CrashLoop: . of 2 pods: container "app" exits with code 3 after 1s, restarted once
    last lines of the log of pod hello-green-[^ ]+, container app:
(      .*
)+  no traffic was moved: service hello is on version=blue \(deployment hello-blue\)`,
	within: 60 * time.Second,
}, {
	name: "never ready", image: e2e.Image("unready"),
	reason: `
error: deployment hello-green does not become available: NotReady: 2 of 2 pods: container "app" is running but still not ready after [0-9]+s: Readiness probe failed: HTTP probe failed with statuscode: 503
  no traffic was moved: service hello is on version=blue \(deployment hello-blue\)`,
	within: 60 * time.Second,
}, {
	name: "ready, then not any more in the soak", image: e2e.Image("wilting"), flags: []string{"--soak=60s"},
	reason: `
error: release [0-9a-f]{8} failed: container app of pod hello-green-[^ ]+ was ready and is not any more
    the kubelet says of pod hello-green-[^ ]+: Readiness probe failed: HTTP probe failed with statuscode: 503 \([0-9]+ times\)
  all traffic of service hello is back on version=blue \(deployment hello-blue\)`,
	moved:  true,
	within: 30 * time.Second,
}, {
	name: "answers with errors in the soak", image: e2e.Image("faulty"), flags: []string{"--soak=60s", "--check-url=URL"},
	reason: `
error: release [0-9a-f]{8} failed: URL: [0-9.]+% of [0-9]+ requests succeeded, the limit is 99.0% \([0-9]+ status-5xx\)
  all traffic of service hello is back on version=blue \(deployment hello-blue\)`,
	moved:  true,
	within: 30 * time.Second,
}}

// Each failing version ends the run with exit code 1, the real reason, and all traffic on the old side, long before the
// deadline, and loses nothing on the way, except where the application itself answers with errors.
func TestFailingVersions(t *testing.T) {
	t.Parallel()
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			n := e2e.NewNamespace(t)
			n.Apply(changed(t, blue, "ports: [{name: http, containerPort", "env: [{name: STARTUP, value: 2s}]\n        ports: [{name: http, containerPort"))
			n.Rollout("deployment/hello-blue")
			url := n.ClusterURL("hello")
			n.AwaitAnswers(url)
			traffic := e2e.StartTraffic(t, load.Options{URL: url, Rate: 40, Accept: func(status int) bool { return status < 400 || status == 500 }})
			traffic.AwaitVersion("v1", 20, 10*time.Second)

			replace := strings.NewReplacer("URL", url).Replace
			args := append([]string{"bluegreen", "run", "hello", "--image", f.image, "--yes"}, f.flags...)
			for i := range args {
				args[i] = replace(args[i])
			}
			got := n.Want(1, args...)
			reason := strings.ReplaceAll(f.reason, "URL", regexp.QuoteMeta(url))
			if !regexp.MustCompile(reason).MatchString(got.Stderr) {
				t.Errorf("%v\nwant stderr to match\n%s", got, reason)
			}
			e2e.Figure(t, "until the run ended", got.Took.Seconds(), "s")
			if got.Took > f.within {
				t.Errorf("it took %v, want at most %v\n%v", got.Took, f.within, got)
			}
			if slot := active(n, "version"); slot != "blue" {
				t.Errorf("the Service selects %q", slot)
			}
			if leases := n.Kubectl("get", "leases", "-o", "name"); leases != "" {
				t.Errorf("left behind: %s", leases)
			}
			ended := time.Now()
			n.Eventually(10*time.Second, "the old version answers again", func() bool {
				return traffic.Snapshot()[0].ByVersion["v1"].LastSentAt.After(ended.Add(2 * time.Second))
			})
			reports := traffic.Stop()
			reports.NoneLost(t)
			version := f.image[strings.Index(f.image, ":")+1:]
			if (reports.Answers(version) > 0) != f.moved {
				t.Errorf("%s answered %d requests, want some: %t", version, reports.Answers(version), f.moved)
			}
			if late := reports.LastSent(version).Sub(ended); f.moved && late > 2*time.Second {
				t.Errorf("%s answered a connection opened %v after the run had ended", version, late)
			}
		})
	}
}
