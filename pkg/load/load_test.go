package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// measure runs a bounded measurement and returns its final report.
func measure(t *testing.T, o Options) Report {
	t.Helper()
	m, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	r := m.Wait()
	if r.Offered != r.Answered+r.Lost+r.InFlight || !r.Done || r.InFlight != 0 {
		t.Errorf("the counts do not add up: %s", asJSON(r))
	}
	return r
}

func asJSON(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func wantNoLoss(t *testing.T, r Report, answered int64) {
	t.Helper()
	if r.Answered != answered || r.Lost != 0 {
		t.Errorf("want %d answered and none lost, got %s", answered, asJSON(r))
	}
}

// wantLost checks that all of n requests were lost by one cause.
func wantLost(t *testing.T, r Report, cause Cause, n int64) Loss {
	t.Helper()
	if r.Lost != n || r.LostBy[cause].Count != n || r.Answered != 0 {
		t.Errorf("want %d lost by %q and none answered, got %s", n, cause, asJSON(r))
	}
	return r.LostBy[cause]
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// rawServer hands each accepted connection, with its number from 0, to handle in a goroutine
// of its own, and closes it afterwards.
func rawServer(t *testing.T, handle func(n int64, conn *net.TCPConn, requests *bufio.Reader)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for n := int64(0); ; n++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				handle(n, conn.(*net.TCPConn), bufio.NewReader(conn))
			})
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
	return "http://" + listener.Addr().String()
}

// readRequest returns false when the client has closed the connection.
func readRequest(requests *bufio.Reader) bool {
	request, err := http.ReadRequest(requests)
	if err != nil {
		return false
	}
	io.Copy(io.Discard, request.Body)
	return true
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestSlowTargetDoesNotLowerTheOfferedRate(t *testing.T) {
	const requests = 20
	var arrived sync.WaitGroup
	arrived.Add(requests)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		arrived.Done()
		arrived.Wait() // none is answered before all are there
	})
	r := measure(t, Options{URL: server.URL, Rate: 200, Duration: 100 * time.Millisecond})
	wantNoLoss(t, r, requests)
}

func TestLatencyCountsFromTheDueTime(t *testing.T) {
	due := time.Now()
	tally := newTally()
	tally.begin(due, 1)
	tally.end(outcome{due: due, started: due.Add(2 * time.Second), ended: due.Add(3 * time.Second), answered: true})
	r := Report{StartedAt: due, Rate: 1}
	tally.fill(&r)
	if r.Latency.MaxSeconds != 3 || r.ServiceTime.MaxSeconds != 1 {
		t.Errorf("latency %v, service time %v; want 3 and 1", r.Latency.MaxSeconds, r.ServiceTime.MaxSeconds)
	}
}

func TestRequestsAboveConcurrencyAreCountedNotDropped(t *testing.T) {
	release := make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { <-release })
	m, err := Start(context.Background(), Options{URL: server.URL, Rate: 200, Requests: 10, Concurrency: 3})
	if err != nil {
		t.Fatal(err)
	}
	for m.Snapshot().Offered < 10 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	r := m.Wait()
	if r.Offered != 10 || r.Sent != 3 || r.Answered != 3 || r.LostBy[CauseNotSent].Count != 7 {
		t.Errorf("want 10 offered, 3 answered, 7 not sent, got %s", asJSON(r))
	}
}

func TestStopWaitsForRequestsInFlight(t *testing.T) {
	arrived, release := make(chan struct{}, 100), make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { arrived <- struct{}{}; <-release })
	ctx, cancel := context.WithCancel(context.Background())
	m, err := Start(ctx, Options{URL: server.URL, Rate: 1, Duration: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	<-arrived
	cancel()
	if r := m.Snapshot(); r.Done || r.InFlight < 1 {
		t.Errorf("before the answer: %s", asJSON(r))
	}
	close(release)
	r := m.Stop()
	wantNoLoss(t, r, r.Offered)
	if again := m.Stop(); asJSON(again) != asJSON(r) {
		t.Errorf("the final report changed from %s to %s", asJSON(r), asJSON(again))
	}
}

func TestSnapshotsWhileRunningAddUp(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Version", "v1") })
	m, err := Start(context.Background(), Options{URL: server.URL, Rate: 1000, Requests: 200, KeepAlive: true})
	if err != nil {
		t.Fatal(err)
	}
	for done := false; !done; {
		r := m.Snapshot()
		if r.Offered != r.Answered+r.Lost+r.InFlight || r.ByVersion["v1"].Count != r.Answered {
			t.Fatalf("the counts do not add up: %s", asJSON(r))
		}
		done = r.Done
		time.Sleep(time.Millisecond)
	}
	wantNoLoss(t, m.Wait(), 200)
}

func TestVersionsAndPods(t *testing.T) {
	var n atomic.Int64
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch i := n.Add(1); {
		case i <= 3:
			w.Header().Set("X-Version", "v1")
			w.Header().Set("X-Pod", fmt.Sprint("blue-", i%2))
		case i <= 7:
			w.Header().Set("X-Version", "v2")
			w.Header().Set("X-Pod", "green-0")
		case i == 8:
			w.Header().Set("X-Version", "v2")
			w.Header().Set("X-Pod", "green-0")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	r := measure(t, Options{URL: server.URL, Rate: 500, Requests: 10, Concurrency: 10})
	got := map[string][2]int64{}
	for name, a := range r.ByVersion {
		got["version "+name] = [2]int64{a.Count, a.Rejected}
		if a.FirstSentAt.After(a.FirstAnsweredAt) || a.LastSentAt.After(a.LastAnsweredAt) || a.FirstSentAt.Before(r.StartedAt) {
			t.Errorf("times of %s are out of order: %s", name, asJSON(a))
		}
	}
	for name, a := range r.ByPod {
		got["pod "+name] = [2]int64{a.Count, a.Rejected}
	}
	want := map[string][2]int64{
		"version v1": {3, 0}, "version v2": {4, 1}, "version <none>": {2, 0},
		"pod blue-0": {1, 0}, "pod blue-1": {2, 0}, "pod green-0": {4, 1}, "pod <none>": {2, 0},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestNamesAreBounded(t *testing.T) {
	tally := newTally()
	for i := range 3 * maxNames {
		tally.begin(time.Now(), 1)
		tally.end(outcome{answered: true, version: strings.Repeat("x", 5000), pod: fmt.Sprint("pod-", i)})
	}
	if len(tally.byPod) != maxNames+1 || tally.byPod[otherNames].Count != 2*maxNames {
		t.Errorf("%d pods, %d under %s", len(tally.byPod), tally.byPod[otherNames].Count, otherNames)
	}
	if tally.byVersion[strings.Repeat("x", maxNameBytes)].Count != 3*maxNames {
		t.Error("the long version is not clipped")
	}
}

func TestRequestOnTheWire(t *testing.T) {
	var got string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		got = fmt.Sprintf("%s %s host=%s x=%s agent=%s auth=%s:%s close=%v body=%s", r.Method, r.RequestURI, r.Host,
			r.Header.Get("X-Test"), r.UserAgent(), user, password, r.Close, body)
	})
	r := measure(t, Options{
		URL:    strings.Replace(server.URL, "http://", "http://me:secret@", 1) + "/a?b=c",
		Method: "POST", Host: "shop.example", Header: http.Header{"x-test": {"1"}}, Body: []byte("hello"),
		Rate: 100, Requests: 1,
	})
	wantNoLoss(t, r, 1)
	want := "POST /a?b=c host=shop.example x=1 agent=switchyard-load auth=me:secret close=true body=hello"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if strings.Contains(r.URL, "secret") {
		t.Errorf("the report shows the password: %s", r.URL)
	}
}

func TestHTTPS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	defer server.Close()
	config := server.Client().Transport.(*http.Transport).TLSClientConfig
	for _, keepAlive := range []bool{false, true} {
		r := measure(t, Options{URL: server.URL, TLS: config, Rate: 200, Requests: 20, KeepAlive: keepAlive, Connections: 2})
		wantNoLoss(t, r, 20)
	}
}

func TestHeadHasNoBodyToWaitFor(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "1000") })
	wantNoLoss(t, measure(t, Options{URL: server.URL, Method: "HEAD", Rate: 200, Requests: 4, KeepAlive: true}), 4)
}

func TestInterimAnswersAreSkipped(t *testing.T) {
	url := rawServer(t, func(_ int64, conn *net.TCPConn, requests *bufio.Reader) {
		for readRequest(requests) {
			io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"+okAnswer)
		}
	})
	wantNoLoss(t, measure(t, Options{URL: url, Rate: 200, Requests: 4, KeepAlive: true}), 4)
}

func TestAchievedRate(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {})
	r := measure(t, Options{URL: server.URL, Rate: 100, Requests: 20})
	// A busy machine can only lower it, and the request count over the rate bounds it above.
	if r.AchievedRate > 100.001 || r.AchievedRate <= 0 || r.DurationSeconds < 0.19 {
		t.Errorf("achieved rate %v in %v s", r.AchievedRate, r.DurationSeconds)
	}
}

func TestBadOptions(t *testing.T) {
	cases := []struct {
		name    string
		options Options
		want    string
	}{
		{"no rate", Options{URL: "http://x", Requests: 1}, "rate 0: must be above 0 and at most 20000 requests per second"},
		{"rate not a number", Options{URL: "http://x", Rate: nan(), Requests: 1}, "rate NaN: must be above 0 and at most 20000 requests per second"},
		{"no bound", Options{URL: "http://x", Rate: 1}, "no bound: set a duration or a number of requests"},
		{"negative", Options{URL: "http://x", Rate: 1, Requests: -1}, "duration 0s, requests -1: must not be negative"},
		{"scheme", Options{URL: "ftp://x", Rate: 1, Requests: 1}, `url "ftp://x": scheme "ftp" must be http or https`},
		{"host", Options{URL: "http:///x", Rate: 1, Requests: 1}, `url "http:///x": no host`},
		{"method", Options{URL: "http://x", Method: "A B", Rate: 1, Requests: 1}, `request A B http://x: net/http: invalid method "A B"`},
		{"connection header", Options{URL: "http://x", Header: http.Header{"Connection": {"close"}}, Rate: 1, Requests: 1},
			"header Connection: KeepAlive decides it"},
		{"host header", Options{URL: "http://x", Header: http.Header{"host": {"a"}}, Rate: 1, Requests: 1},
			"header Host: set Options.Host instead"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Start(context.Background(), c.options); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func nan() float64 { zero := 0.0; return zero / zero }
