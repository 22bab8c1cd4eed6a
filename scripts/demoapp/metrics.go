package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// bucketBounds are the upper bounds of the latency histogram in seconds.
var bucketBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// metrics counts the application's own traffic, not probes and scrapes.
type metrics struct {
	version string

	mu       sync.Mutex
	byCode   map[int]int64
	inFlight int64
	buckets  []int64 // requests within each bound, not cumulative; the last one is +Inf
	sum      time.Duration
	count    int64
}

// newMetrics starts code 200 at 0, so that a rate over the first requests is right.
func newMetrics(version string) *metrics {
	return &metrics{version: version, byCode: map[int]int64{200: 0}, buckets: make([]int64, len(bucketBounds)+1)}
}

func (m *metrics) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight++
}

func (m *metrics) end(status int, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight--
	m.byCode[status]++
	bucket, _ := slices.BinarySearch(bucketBounds, took.Seconds())
	m.buckets[bucket]++
	m.sum += took
	m.count++
}

// write writes the Prometheus text format, version 0.0.4.
func (m *metrics) write(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	version := labelEscaper.Replace(m.version)
	fmt.Fprint(w, "# HELP http_requests_total Requests ended, by status code; 499 is a client that left.\n"+
		"# TYPE http_requests_total counter\n")
	for _, code := range slices.Sorted(maps.Keys(m.byCode)) {
		fmt.Fprintf(w, "http_requests_total{code=\"%d\",version=\"%s\"} %d\n", code, version, m.byCode[code])
	}
	fmt.Fprintf(w, "# HELP http_requests_in_flight Requests being served.\n"+
		"# TYPE http_requests_in_flight gauge\n"+
		"http_requests_in_flight{version=\"%s\"} %d\n", version, m.inFlight)
	fmt.Fprint(w, "# HELP http_request_duration_seconds Time to serve a request.\n"+
		"# TYPE http_request_duration_seconds histogram\n")
	var within int64
	for i, bound := range bucketBounds {
		within += m.buckets[i]
		fmt.Fprintf(w, "http_request_duration_seconds_bucket{version=\"%s\",le=\"%g\"} %d\n", version, bound, within)
	}
	fmt.Fprintf(w, "http_request_duration_seconds_bucket{version=\"%[1]s\",le=\"+Inf\"} %[2]d\n"+
		"http_request_duration_seconds_sum{version=\"%[1]s\"} %[3]g\n"+
		"http_request_duration_seconds_count{version=\"%[1]s\"} %[2]d\n", version, m.count, m.sum.Seconds())
}

// labelEscaper escapes a label value as the text format asks.
var labelEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
