package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-switchyard/switchyard/pkg/load"
)

func TestUnfitSaysWhyAndWhatElse(t *testing.T) {
	tests := []struct {
		name, system string
		user         int
		want         string
	}{
		{"root on Linux", "linux", 0, ""},
		{"not root", "linux", 1000, "the demo boots a Kubernetes cluster, which needs root, and this is user 1000: run it as root; " +
			"with a cluster of your own, follow \"With a cluster of your own\" in README.md instead"},
		{"not Linux", "darwin", 0, "the demo boots a Kubernetes cluster out of Linux namespaces, and this is darwin; " +
			"with a cluster of your own, follow \"With a cluster of your own\" in README.md instead"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := unfit(test.system, test.user); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestRunRefusesArguments(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := run(context.Background(), []string{"now"}, &out, &errOut); code != 2 || errOut.String() != "error: argument \"now\": only flags are taken\n" {
		t.Errorf("exit code %d, stderr %q", code, errOut.String())
	}
}

func TestIndented(t *testing.T) {
	var screen bytes.Buffer
	w := indented(&screen)
	for _, part := range []string{"one\ntw", "o\n\nthree", "\r3 of 4\n"} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("Write(%q) = %d, %v", part, n, err)
		}
	}
	if want := "    one\n    two\n\n    three\r    3 of 4\n"; screen.String() != want {
		t.Errorf("got  %q\nwant %q", screen.String(), want)
	}
}

func TestReport(t *testing.T) {
	report := load.Report{
		Sent: 12345, Answered: 12343, Lost: 2,
		ByVersion: map[string]load.Answers{"v2": {Count: 343}, "v1": {Count: 12000}},
		LostBy:    map[load.Cause]load.Loss{load.CauseRefused: {Count: 2, Example: "connection refused"}},
		Latency:   load.Latency{P50Seconds: 0.0521, P99Seconds: 0.071, MaxSeconds: 1.25},
	}
	var screen bytes.Buffer
	printReport(&screen, report)
	want := strings.TrimPrefix(`
REQUESTS         COUNT
sent             12,345
answered by v1   12,000
answered by v2   343
lost             2
  refused        2   connection refused
half of the answers took up to 52 ms, 99 in 100 up to 71 ms, the slowest 1250 ms
`, "\n")
	if screen.String() != want {
		t.Errorf("got:\n%swant:\n%s", screen.String(), want)
	}
	line := "traffic so far: 12,345 requests sent, 12,000 answered by v1, 343 answered by v2, 2 lost"
	if got := soFar(report); got != line {
		t.Errorf("got  %q\nwant %q", got, line)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestPauseEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	start := time.Now()
	pause(ctx, time.Minute)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("paused for %s although the context had ended", took)
	}
}
