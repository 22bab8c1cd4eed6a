package load

import (
	"bufio"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

var discardLog = log.New(io.Discard, "", 0)

// closesUnderSecondRequest answers the first request of each connection, and closes it when
// the second one has arrived.
func closesUnderSecondRequest(t *testing.T) string {
	return rawServer(t, func(_ int64, conn *net.TCPConn, requests *bufio.Reader) {
		readRequest(requests)
		io.WriteString(conn, okAnswer)
		readRequest(requests)
	})
}

// TestNetHTTPHidesTheLoss shows what this package must not do: the standard client sends the
// request a second time and reports success.
func TestNetHTTPHidesTheLoss(t *testing.T) {
	url := closesUnderSecondRequest(t)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range 2 {
		answer, err := client.Get(url)
		if err != nil {
			t.Fatalf("the standard client no longer resends: %v", err)
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
}

func TestCloseUnderARequestIsALoss(t *testing.T) {
	cases := []struct {
		name  string
		abort bool
		cause Cause
	}{
		{"closed", false, CauseEOF},
		{"reset", true, CauseReset},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			url := rawServer(t, func(_ int64, conn *net.TCPConn, requests *bufio.Reader) {
				readRequest(requests)
				io.WriteString(conn, okAnswer)
				readRequest(requests)
				if c.abort {
					conn.SetLinger(0)
				}
			})
			r := measure(t, Options{URL: url, Rate: 50, Requests: 10, KeepAlive: true, Connections: 1, Concurrency: 1, Timeout: 5 * time.Second})
			sent := r.Sent
			loss := r.LostBy[c.cause]
			if r.Answered != (sent+1)/2 || loss.Count != sent/2 || loss.OnReusedConnection != loss.Count {
				t.Errorf("want every second request lost by %q, got %s", c.cause, asJSON(r))
			}
		})
	}
}

func TestCloseOfAnIdleConnectionIsNoLoss(t *testing.T) {
	var closed sync.WaitGroup
	closed.Add(1)
	url := rawServer(t, func(n int64, conn *net.TCPConn, requests *bufio.Reader) {
		readRequest(requests)
		io.WriteString(conn, okAnswer)
		if n == 0 {
			conn.CloseWrite()
			closed.Done()
		}
		readRequest(requests)
	})
	p, target := newTestPool(t, Options{URL: url, Rate: 1, Requests: 1, KeepAlive: true, Connections: 1})
	defer p.close()
	sendOne(t, p, target)
	closed.Wait()
	for len(p.idle[0].next) == 0 { // the close has not reached this side yet
		time.Sleep(time.Millisecond)
	}
	if sendOne(t, p, target) {
		t.Error("the closed connection was used again")
	}
	if opened, closedIdle := p.counts(); opened != 2 || closedIdle != 1 {
		t.Errorf("%d opened, %d closed idle; want 2 and 1", opened, closedIdle)
	}
}

func TestConnectionCloseAnswerIsNoLoss(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Connection", "close") })
	r := measure(t, Options{URL: server.URL, Rate: 100, Requests: 10, KeepAlive: true, Connections: 2})
	wantNoLoss(t, r, 10)
	if r.Connections != 10 || r.ClosedIdle != 0 {
		t.Errorf("%d connections, %d closed idle; want 10 and 0", r.Connections, r.ClosedIdle)
	}
}

func TestConnectionsAreNotSharedWithoutKeepAlive(t *testing.T) {
	cases := []struct {
		name      string
		options   Options
		wantConns int
	}{
		{"new connection each", Options{}, 12},
		{"persistent, in turn", Options{KeepAlive: true, Connections: 3}, 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			requestsOf := map[string]int{}
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				requestsOf[r.RemoteAddr]++
			})
			c.options.URL, c.options.Rate, c.options.Requests = server.URL, 20000, 1
			p, target := newTestPool(t, c.options)
			defer p.close()
			for range 12 {
				sendOne(t, p, target)
			}
			if len(requestsOf) != c.wantConns {
				t.Errorf("%d connections, want %d", len(requestsOf), c.wantConns)
			}
			for address, n := range requestsOf {
				if n != 12/c.wantConns {
					t.Errorf("%s got %d requests, want %d", address, n, 12/c.wantConns)
				}
			}
		})
	}
}

func TestBusyPoolStillReuses(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {})
	p, target := newTestPool(t, Options{URL: server.URL, Rate: 1, Requests: 1, KeepAlive: true, Connections: 2})
	defer p.close()
	deadline := time.Now().Add(5 * time.Second)
	for range 4 { // in flight all along, twice what the pool keeps idle
		c, _, _, err := p.take(deadline)
		if err != nil {
			t.Fatal(err)
		}
		defer p.drop(c)
	}
	if sendOne(t, p, target) {
		t.Error("the first connection cannot be a reused one")
	}
	if !sendOne(t, p, target) {
		t.Error("the idle connection was not used again")
	}
}

func newTestPool(t testing.TB, o Options) (*pool, *target) {
	t.Helper()
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	target, err := o.target()
	if err != nil {
		t.Fatal(err)
	}
	return &pool{opener: opener{target: target, dial: o.DialContext}, keepAlive: o.KeepAlive, size: o.Connections}, target
}

func sendOne(t testing.TB, p *pool, target *target) (reused bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	c, reused, _, err := p.take(deadline)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(deadline)
	answer, err := c.exchange(target)
	if err != nil {
		t.Fatal(err)
	}
	p.put(c, answer)
	return reused
}
