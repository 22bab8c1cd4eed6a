package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// newTestApp is an application that has just started, with a clock that stands still.
func newTestApp(t *testing.T, environment map[string]string) (*app, *time.Time) {
	t.Helper()
	environment["POD_NAME"] = "p"
	c, err := readConfig(lookupIn(environment))
	if err != nil {
		t.Fatal(err)
	}
	a := newApp(c, log.New(io.Discard, "", 0))
	clock := time.Unix(1000, 0)
	a.now = func() time.Time { return clock }
	a.endStartup()
	return a, &clock
}

func serveApp(t *testing.T, a *app) string {
	t.Helper()
	server := httptest.NewServer(a.handler("http"))
	t.Cleanup(server.Close)
	return server.URL
}

func TestProbeModes(t *testing.T) {
	cases := []struct {
		mode   string
		status int // 0: no answer
		header string
		body   string
	}{
		{"ok", 200, "", "ok\n"},
		{"fail", 503, "", "failing as asked\n"},
		{"hang", 0, "", ""},
		{"redirect", 302, "/", "redirecting to /\n"},
		{"redirect=http://other.example/", 302, "http://other.example/", "redirecting to http://other.example/\n"},
		{"fail-after=0s", 503, "", "failing as asked, 0s after the start-up\n"},
		{"fail-after=1h", 200, "", "ok\n"},
	}
	variables := map[string]string{"/readyz": "READY_MODE", "/healthz": "HEALTH_MODE", "/startupz": "STARTUPZ_MODE"}
	for path, variable := range variables {
		for _, c := range cases {
			t.Run(variable+"="+c.mode, func(t *testing.T) {
				a, _ := newTestApp(t, map[string]string{variable: c.mode})
				client := newClient(t)
				client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				if c.status == 0 {
					client.Timeout = 50 * time.Millisecond
				}
				got := send(client, serveApp(t, a)+path)
				if c.status == 0 {
					if !isTimeout(got.err) {
						t.Errorf("got %v, want a time-out", got)
					}
					return
				}
				if got.body != c.body || got.status != c.status || got.header.Get("Location") != c.header {
					t.Errorf("got %d %q, Location %q", got.status, got.body, got.header.Get("Location"))
				}
			})
		}
	}
}

func isTimeout(err error) bool {
	var e *url.Error
	return errors.As(err, &e) && e.Timeout()
}

func TestFailAfterFollowsTheClock(t *testing.T) {
	a, clock := newTestApp(t, map[string]string{"HEALTH_MODE": "fail-after=10s"})
	base := serveApp(t, a)
	wantReply(t, send(newClient(t), base+"/healthz"), 200, "ok\n")
	*clock = clock.Add(10 * time.Second)
	wantReply(t, send(newClient(t), base+"/healthz"), 503, "failing as asked, 10s after the start-up\n")
}

func TestBodyHangSendsTheHeadersFirst(t *testing.T) {
	a, _ := newTestApp(t, map[string]string{"READY_MODE": "body-hang"})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", serveApp(t, a)+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newClient(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != 200 || r.Header.Get("X-Pod") != "p" {
		t.Errorf("got %d, %v", r.StatusCode, r.Header)
	}
	time.AfterFunc(50*time.Millisecond, cancel)
	if n, err := io.Copy(io.Discard, r.Body); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("read %d bytes of the body, then %v", n, err)
	}
}

func TestPathsOfTheTraffic(t *testing.T) {
	a, _ := newTestApp(t, map[string]string{"VERSION": "v1", "LATENCY": "1ms"})
	base := serveApp(t, a)
	cases := []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/", "", 200, "v1 pod=p port=http GET \"/\"\n"},
		{"GET", "/a%0Ab", "", 200, "v1 pod=p port=http GET \"/a\\nb\"\n"},
		{"POST", "/echo", "hello", 200, "v1 pod=p port=http received=5\n"},
		{"GET", "/echo", "", 405, "POST a body to have its size echoed\n"},
		{"GET", "/slow?d=1ms", "", 200, "v1 pod=p port=http waited=1ms\n"},
		{"GET", "/slow", "", 400, "d=\"\": must be a duration from 0s to 1h0m0s\n"},
		{"GET", "/slow?d=2h", "", 400, "d=\"2h\": must be a duration from 0s to 1h0m0s\n"},
	}
	for _, c := range cases {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			request, err := http.NewRequest(c.method, base+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			r, err := newClient(t).Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			body, err := io.ReadAll(r.Body)
			wantReply(t, reply{r.StatusCode, r.Header, r.Close, string(body), err}, c.status, c.want)
			if r.Header.Get("X-Version") != "v1" || r.Header.Get("X-Pod") != "p" || r.Header.Get("X-Port") != "http" {
				t.Errorf("headers %v", r.Header)
			}
		})
	}
}

func TestLatencyDelaysTrafficButNotProbes(t *testing.T) {
	a, _ := newTestApp(t, map[string]string{"LATENCY": "1h"})
	base := serveApp(t, a)
	wantReply(t, send(newClient(t), base+"/readyz"), 200, "ok\n")
	impatient := newClient(t)
	impatient.Timeout = 50 * time.Millisecond
	if got := send(impatient, base+"/"); !isTimeout(got.err) {
		t.Errorf("got %v, want a time-out", got)
	}
}

func TestErrorRateIsSeeded(t *testing.T) {
	statuses := func(rate, seed string) string {
		a, _ := newTestApp(t, map[string]string{"ERROR_RATE": rate, "ERROR_SEED": seed})
		base, client, all := serveApp(t, a), newClient(t), ""
		for range 40 {
			all += fmt.Sprintf("%d ", send(client, base).status/100)
		}
		if got := send(client, base+"/readyz"); got.status != 200 {
			t.Errorf("ERROR_RATE=%s hits the probe: %d", rate, got.status)
		}
		return all
	}
	first := statuses("0.5", "7")
	if again := statuses("0.5", "7"); again != first {
		t.Errorf("the same seed gave %s and %s", first, again)
	}
	if other := statuses("0.5", "8"); other == first {
		t.Errorf("another seed gave the same %s", first)
	}
	if n := strings.Count(first, "5 "); n < 8 || n > 32 {
		t.Errorf("%d of 40 failed at rate 0.5", n)
	}
	if got := statuses("0", ""); strings.Contains(got, "5") {
		t.Errorf("rate 0 gave %s", got)
	}
	if got := statuses("1", ""); strings.Contains(got, "2") {
		t.Errorf("rate 1 gave %s", got)
	}
}

func TestSessions(t *testing.T) {
	cases := []struct {
		mode           string
		states         [3]string // first pod, first pod again, second pod
		countOnTheNext int
	}{
		{"memory", [3]string{"new", "continued", "lost"}, 1},
		{"shared", [3]string{"new", "continued", "continued"}, 3},
	}
	for _, c := range cases {
		t.Run(c.mode, func(t *testing.T) {
			pods := [2]http.Handler{}
			for i := range pods {
				a, _ := newTestApp(t, map[string]string{"SESSIONS": c.mode, "SESSION_KEY": "k"})
				pods[i] = a.handler("http")
			}
			request := 0
			service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				request++
				pods[request/3].ServeHTTP(w, r)
			}))
			defer service.Close()
			client := newClient(t)
			client.Jar, _ = cookiejar.New(nil)
			var last reply
			for i, want := range c.states {
				last = send(client, service.URL)
				if got := last.header.Get("X-Session"); got != want {
					t.Errorf("request %d: session %s, want %s", i+1, got, want)
				}
			}
			if want := fmt.Sprintf(" count=%d", c.countOnTheNext); !strings.Contains(last.body, want) {
				t.Errorf("%q lacks %q", last.body, want)
			}
			if c.mode == "memory" && !strings.Contains(last.body, "session lost") {
				t.Errorf("%q does not say that the session is lost", last.body)
			}
		})
	}
}

func TestForgedSessionIsLost(t *testing.T) {
	own, other := sharedSessions{[]byte("k")}, sharedSessions{[]byte("another key")}
	forged := []string{other.seal("id", 5), strings.Replace(own.seal("id", 5), ".5.", ".6.", 1), "id.5", "", "..", "x"}
	for _, cookie := range forged {
		if _, _, count, known := own.next(cookie); known || count != 1 {
			t.Errorf("cookie %q: known %v, count %d", cookie, known, count)
		}
	}
	if _, id, count, known := own.next(own.seal("id", 5)); !known || id != "id" || count != 6 {
		t.Errorf("own cookie: known %v, id %s, count %d", known, id, count)
	}
}

func TestMemorySessionsAreBounded(t *testing.T) {
	s := &memorySessions{counts: map[string]int{}}
	for range maxSessions + 5 {
		s.next("")
	}
	if len(s.counts) != maxSessions {
		t.Errorf("%d sessions are remembered", len(s.counts))
	}
}

func TestMetrics(t *testing.T) {
	a, _ := newTestApp(t, map[string]string{"VERSION": `v"1\`})
	a.metrics.begin()
	a.metrics.end(500, 2*time.Second)
	a.metrics.begin()
	a.metrics.end(200, 5*time.Millisecond) // exactly on a bound, which includes it
	a.metrics.begin()
	base, client := serveApp(t, a), newClient(t)
	send(client, base+"/echo") // 405, in no time by the still clock
	send(client, base+"/readyz")
	got := send(client, base+"/metrics")
	const want = `# HELP http_requests_total Requests ended, by status code; 499 is a client that left.
# TYPE http_requests_total counter
http_requests_total{code="200",version="v\"1\\"} 1
http_requests_total{code="405",version="v\"1\\"} 1
http_requests_total{code="500",version="v\"1\\"} 1
# HELP http_requests_in_flight Requests being served.
# TYPE http_requests_in_flight gauge
http_requests_in_flight{version="v\"1\\"} 1
# HELP http_request_duration_seconds Time to serve a request.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{version="v\"1\\",le="0.005"} 2
http_request_duration_seconds_bucket{version="v\"1\\",le="0.01"} 2
http_request_duration_seconds_bucket{version="v\"1\\",le="0.025"} 2
http_request_duration_seconds_bucket{version="v\"1\\",le="0.05"} 2
http_request_duration_seconds_bucket{version="v\"1\\",le="0.1"} 2
http_request_duration_seconds_bucket{version="v\"1\\",le="0.25"} 2
http_request_duration_seconds_bucket{version="v\"1\\",le="0.5"} 2
http_request_duration_seconds_bucket{version="v\"1\\",le="1"} 2
http_request_duration_seconds_bucket{version="v\"1\\",le="2.5"} 3
http_request_duration_seconds_bucket{version="v\"1\\",le="5"} 3
http_request_duration_seconds_bucket{version="v\"1\\",le="10"} 3
http_request_duration_seconds_bucket{version="v\"1\\",le="+Inf"} 3
http_request_duration_seconds_sum{version="v\"1\\"} 2.005
http_request_duration_seconds_count{version="v\"1\\"} 3
`
	wantReply(t, got, 200, want)
	if kind := got.header.Get("Content-Type"); kind != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("content type %q", kind)
	}
}

func TestClientThatLeavesIsCounted(t *testing.T) {
	a, _ := newTestApp(t, map[string]string{"VERSION": "v1"})
	base, client := serveApp(t, a), newClient(t)
	client.Timeout = 50 * time.Millisecond
	send(client, base+"/slow?d=1h")
	patient, want := newClient(t), `http_requests_total{code="499",version="v1"} 1`
	for end := time.Now().Add(patience); !strings.Contains(send(patient, base+"/metrics").body, want); {
		if time.Now().After(end) {
			t.Fatalf("no %s", want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
