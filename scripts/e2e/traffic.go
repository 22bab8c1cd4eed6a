package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-switchyard/switchyard/pkg/load"
)

// maxTraffic bounds the traffic of a test that forgets to stop it.
const maxTraffic = 10 * time.Minute

// Traffic is what some meters send at the same time.
type Traffic struct {
	t      testing.TB
	meters []*load.Meter
	stop   func() []load.Report
}

// StartTraffic starts a meter for each of the options, of which URL and Rate must be set; without a bound they get one of
// ten minutes. All stop when the test ends.
func StartTraffic(t testing.TB, options ...load.Options) *Traffic {
	t.Helper()
	tr := &Traffic{t: t}
	for _, o := range options {
		if o.Duration == 0 && o.Requests == 0 {
			o.Duration = maxTraffic
		}
		meter, err := load.Start(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		tr.meters = append(tr.meters, meter)
	}
	tr.stop = sync.OnceValue(tr.stopAll)
	t.Cleanup(func() { tr.stop() })
	return tr
}

func (tr *Traffic) stopAll() []load.Report {
	reports := make([]load.Report, len(tr.meters))
	var stopping sync.WaitGroup
	for i, meter := range tr.meters {
		stopping.Go(func() { reports[i] = meter.Stop() })
	}
	stopping.Wait()
	return reports
}

// Stop stops all meters, waits for the requests in flight, and returns what was measured.
func (tr *Traffic) Stop() Reports { return tr.stop() }

// Snapshot returns what was measured so far.
func (tr *Traffic) Snapshot() Reports {
	var reports Reports
	for _, meter := range tr.meters {
		reports = append(reports, meter.Snapshot())
	}
	return reports
}

// AwaitVersion waits until every meter has that many answers of the version.
func (tr *Traffic) AwaitVersion(version string, answers int64, timeout time.Duration) {
	tr.t.Helper()
	tr.await(fmt.Sprintf("%d answers of %s", answers, version), timeout, func(r load.Report) bool { return r.ByVersion[version].Count >= answers })
}

// AwaitSent waits until all meters together have sent that many requests.
func (tr *Traffic) AwaitSent(requests int64, timeout time.Duration) {
	tr.t.Helper()
	tr.await(fmt.Sprintf("%d requests", requests), timeout, func(load.Report) bool { return tr.Snapshot().Sent() >= requests })
}

func (tr *Traffic) await(what string, timeout time.Duration, check func(load.Report) bool) {
	tr.t.Helper()
	for deadline := time.Now().Add(timeout); slices.ContainsFunc(tr.Snapshot(), func(r load.Report) bool { return !check(r) }); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			tr.t.Fatalf("not within %v: %s\n%v", timeout, what, tr.Snapshot())
		}
	}
}

// Reports are the measurements of several meters.
type Reports []load.Report

// Sent is the number of requests that were begun.
func (rs Reports) Sent() int64 { return rs.sum(func(r load.Report) int64 { return r.Sent }) }

// Lost is the number of requests that got no accepted answer.
func (rs Reports) Lost() int64 { return rs.sum(func(r load.Report) int64 { return r.Lost }) }

// Answers is the number of accepted answers of a version.
func (rs Reports) Answers(version string) int64 {
	return rs.sum(func(r load.Report) int64 { return r.ByVersion[version].Count })
}

func (rs Reports) sum(of func(load.Report) int64) int64 {
	var total int64
	for _, r := range rs {
		total += of(r)
	}
	return total
}

// FirstAnswer is when the first answer of a version came, on any meter; zero for none.
func (rs Reports) FirstAnswer(version string) time.Time {
	var first time.Time
	for _, r := range rs {
		if a, ok := r.ByVersion[version]; ok && (first.IsZero() || a.FirstAnsweredAt.Before(first)) {
			first = a.FirstAnsweredAt
		}
	}
	return first
}

// LastSent is when the last request that a version answered was sent, on any meter; zero for none.
func (rs Reports) LastSent(version string) time.Time {
	var last time.Time
	for _, r := range rs {
		if a := r.ByVersion[version]; a.LastSentAt.After(last) {
			last = a.LastSentAt
		}
	}
	return last
}

// NoneLost fails the test when a request was lost, when none was sent, or when a meter could not keep its rate: then it
// measured itself.
func (rs Reports) NoneLost(t testing.TB) {
	t.Helper()
	if rs.Lost() > 0 || rs.Sent() == 0 {
		t.Errorf("%d of %d requests lost, want 0 of many\n%v", rs.Lost(), rs.Sent(), rs)
	}
	for _, r := range rs {
		if r.AchievedRate < 0.95*r.Rate {
			t.Errorf("%s: sent %.1f requests/s of the %.1f meant to be sent", r.URL, r.AchievedRate, r.Rate)
		}
	}
}

// String tells what was sent, answered and lost, and by what cause.
func (rs Reports) String() string {
	var b strings.Builder
	for _, r := range rs {
		fmt.Fprintf(&b, "%s keep-alive=%t: %d sent in %.1f s, %d answered, %d lost, p99 %.0f ms\n", r.URL, r.KeepAlive, r.Sent, r.DurationSeconds,
			r.Answered, r.Lost, r.Latency.P99Seconds*1000)
		for _, version := range slices.Sorted(maps.Keys(r.ByVersion)) {
			a := r.ByVersion[version]
			fmt.Fprintf(&b, "  %s: %d accepted, %d rejected, answered %s to %s\n", version, a.Count, a.Rejected, clock(a.FirstAnsweredAt), clock(a.LastAnsweredAt))
		}
		for _, cause := range slices.Sorted(maps.Keys(r.LostBy)) {
			l := r.LostBy[cause]
			fmt.Fprintf(&b, "  lost by %s: %d, %d of them on reused connections, %s to %s: %s\n", cause, l.Count, l.OnReusedConnection,
				clock(l.FirstAt), clock(l.LastAt), l.Example)
		}
	}
	return b.String()
}

func clock(t time.Time) string { return t.Format("15:04:05.000") }
