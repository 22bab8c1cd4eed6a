package load

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// BenchmarkExchange measures one request and its answer on loopback, the server's part
// included: 2 ms for each operation would be the limit of 500 requests/s on one core.
func BenchmarkExchange(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Version", "v1")
		w.Write([]byte("ok\n"))
	}))
	defer server.Close()
	for _, c := range []struct {
		name      string
		keepAlive bool
	}{{"newConnection", false}, {"persistent", true}} {
		b.Run(c.name, func(b *testing.B) {
			p, target := newTestPool(b, Options{URL: server.URL, Rate: 1, Requests: 1, KeepAlive: c.keepAlive})
			defer p.close()
			b.ReportAllocs()
			for b.Loop() {
				sendOne(b, p, target)
			}
		})
	}
}

// BenchmarkTally measures the accounting of one request, percentiles aside.
func BenchmarkTally(b *testing.B) {
	tally := newTally()
	due := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		tally.begin(due, 1)
		tally.end(outcome{due: due, started: due, ended: due.Add(time.Millisecond), answered: true, version: "v1", pod: "pod-1"})
	}
}
