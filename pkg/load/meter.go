// Package load offers a steady rate of HTTP requests to one URL and accounts for every one
// of them: answered, by which version and pod, or lost, and why.
//
// The loop is open: requests are due at fixed times, and a slow target does not slow them
// down. Nothing is retried, because a retry hides a loss: net/http's Transport resends
// idempotent requests when a reused connection breaks, so this package speaks HTTP/1.1 over
// its own connections. HTTP/2, proxies, redirects and cookies are not handled.
//
// What counts as lost on a persistent connection: a close that arrived while the connection
// was idle is no loss, since any client opens another one (Report.ClosedIdle counts them). A
// close that crosses a request already written is a loss, since the client cannot know
// whether it was carried out. An answer with "Connection: close" retires the connection
// without loss.
//
// What cannot be seen here: a lost SYN is repeated by the kernel after about a second and
// shows as latency; a body that ends with the connection, without a length, may be cut short
// unnoticed.
//
// An echo to know when reading a report: a connection attempt that a dead pod never answered
// leaves an address translation behind, on the node, for nf_conntrack_tcp_timeout_syn_sent
// (120 s), and a new connection from the same local port follows it to the dead pod. At some
// hundred new connections a second the local ports come round within that time, so single
// connect-timeouts and no-routes may follow although all endpoints are healthy again
// (measured with kube-proxy in iptables mode). Real clients meet the same, at lower rates.
package load

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

var errNotSent = errors.New("not sent: the limit of requests in flight was reached")

// Meter is a running measurement. Its methods are safe for concurrent use.
type Meter struct {
	options Options
	target  *target
	pool    *pool
	tally   *tally
	started time.Time
	stop    context.CancelFunc
	done    chan struct{}
}

// Start checks the options and begins to send. It returns an error only for bad options, and
// names the field; an unreachable target is a measurement. Cancelling ctx is like Stop: no
// more requests are begun, and those in flight are waited for, so that an interruption is
// not counted as a loss of the target.
func Start(ctx context.Context, options Options) (*Meter, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	target, err := options.target()
	if err != nil {
		return nil, err
	}
	sending, stop := context.WithCancel(ctx)
	m := &Meter{
		options: options,
		target:  target,
		pool: &pool{
			opener:    opener{target: target, dial: options.DialContext},
			keepAlive: options.KeepAlive,
			size:      options.Connections,
		},
		tally:   newTally(),
		started: time.Now(),
		stop:    stop,
		done:    make(chan struct{}),
	}
	go m.run(sending)
	return m, nil
}

// Snapshot returns what was measured so far. It may be called at any time.
func (m *Meter) Snapshot() Report {
	r := Report{
		URL:             m.target.url.Redacted(),
		Method:          m.options.Method,
		KeepAlive:       m.options.KeepAlive,
		Rate:            m.options.Rate,
		StartedAt:       m.started.UTC(),
		DurationSeconds: time.Since(m.started).Seconds(),
	}
	select {
	case <-m.done:
		r.Done = true
	default:
	}
	m.tally.fill(&r)
	r.Connections, r.ClosedIdle = m.pool.counts()
	r.AddressFallbacks = m.pool.opener.fallbacks.Load()
	return r
}

// Stop begins no more requests, waits for those in flight (at most Options.Timeout), and
// returns the final report. It may be called again.
func (m *Meter) Stop() Report {
	m.stop()
	return m.Wait()
}

// Done is closed when the last request has ended.
func (m *Meter) Done() <-chan struct{} { return m.done }

// Wait waits for the bounds of the options, or for Stop, and for the requests in flight. It
// returns the final report.
func (m *Meter) Wait() Report {
	<-m.done
	return m.Snapshot()
}

// run begins each request when it is due. A late wake-up is caught up on, never skipped.
func (m *Meter) run(ctx context.Context) {
	defer close(m.done)
	defer m.stop()
	defer m.pool.close()
	var inFlight sync.WaitGroup
	defer inFlight.Wait()
	for i := int64(0); m.options.Requests == 0 || i < m.options.Requests; i++ {
		offset := time.Duration(float64(i) / m.options.Rate * float64(time.Second))
		if m.options.Duration > 0 && offset >= m.options.Duration {
			return
		}
		due := m.started.Add(offset)
		if !sleepUntil(ctx, due) {
			return
		}
		if m.tally.begin(due, m.options.Concurrency) {
			inFlight.Go(func() { m.tally.end(m.request(due)) })
		}
	}
}

// sleepUntil returns false when ctx ends first.
func sleepUntil(ctx context.Context, due time.Time) bool {
	wait := time.Until(due)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// request sends one request and says how it ended.
func (m *Meter) request(due time.Time) outcome {
	o := outcome{due: due, started: time.Now()}
	answer, at, err := m.exchange(&o)
	o.ended = time.Now()
	if err != nil {
		o.cause, o.err = causeOf(err, at), err
		return o
	}
	o.answered = true
	o.version, o.pod = m.options.Identify(answer)
	if !m.options.Accept(answer.StatusCode) {
		o.cause, o.err = causeOfStatus(answer.StatusCode)
	}
	return o
}

func (m *Meter) exchange(o *outcome) (*http.Response, stage, error) {
	deadline := o.started.Add(m.options.Timeout)
	c, reused, at, err := m.pool.take(deadline)
	if err != nil {
		return nil, at, err
	}
	o.reused = reused
	c.SetDeadline(deadline)
	answer, err := c.exchange(m.target)
	if err != nil {
		m.pool.drop(c)
		return nil, stageExchange, err
	}
	m.pool.put(c, answer)
	return answer, stageExchange, nil
}
