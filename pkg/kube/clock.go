package kube

import (
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// leastSkew is the smallest difference of clocks that is believed: the Date header holds whole seconds.
	leastSkew = 2 * time.Second
	// slowAnswer is how long an answer may take to tell anything about a clock.
	slowAnswer = 2 * time.Second
)

// skew is how far the API server's clock is ahead of this machine's. Whoever compares the present with a time that the
// cluster wrote, such as the start of a container, needs it: a laptop whose clock is a minute fast would find every pod
// a minute late.
type skew struct{ nanoseconds atomic.Int64 }

// observing returns rt with every answer's Date header (RFC 9110, section 6.6.1) read.
func (s *skew) observing(rt http.RoundTripper) http.RoundTripper { return observer{rt, s} }

type observer struct {
	http.RoundTripper
	skew *skew
}

// RoundTrip implements http.RoundTripper.
func (o observer) RoundTrip(request *http.Request) (*http.Response, error) {
	sent := time.Now()
	response, err := o.RoundTripper.RoundTrip(request)
	if err == nil {
		o.skew.note(response.Header.Get("Date"), sent, time.Now())
	}
	return response, err
}

// WrappedRoundTripper lets client-go reach what is below (k8s.io/apimachinery/pkg/util/net RoundTripperWrapper).
func (o observer) WrappedRoundTripper() http.RoundTripper { return o.RoundTripper }

func (s *skew) note(date string, sent, received time.Time) {
	server, err := http.ParseTime(date)
	took := received.Sub(sent)
	if err != nil || took > slowAnswer {
		return
	}
	// The server cut its time to the second, somewhere between the request and the answer.
	ahead := server.Add(time.Second / 2).Sub(sent.Add(took / 2))
	if ahead.Abs() < leastSkew {
		ahead = 0
	}
	s.nanoseconds.Store(int64(ahead))
}

// Now is the API server's present time, as far as its latest answer tells; it is this machine's while the two differ by
// less than two seconds.
func (c *Client) Now() time.Time {
	if c.skew == nil {
		return time.Now()
	}
	return time.Now().Add(time.Duration(c.skew.nanoseconds.Load()))
}
