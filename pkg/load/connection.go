package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"
)

// DialFunc opens a connection, like net.Dialer.DialContext.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// connection is one HTTP/1.1 connection, used for one exchange at a time.
type connection struct {
	net.Conn
	reader *bufio.Reader
	// readErr is the first error of reading, kept because net/http and textproto report a
	// connection that ends within the headers as a malformed header.
	readErr error
	// next receives the outcome of waiting for the first byte of the next answer. It is nil
	// until the connection has been idle once.
	next chan error
}

// Read reads from the connection and remembers the first error.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.readErr == nil {
		c.readErr = err
	}
	return n, err
}

// watch waits for the next byte while the connection is idle, so that a close by the server
// is noticed before, and not by, the next request.
func (c *connection) watch() {
	c.next = make(chan error, 1)
	go func() {
		_, err := c.reader.Peek(1)
		c.next <- err
	}()
}

// stale reports whether an idle connection has been closed by the server, or has got bytes
// that nobody asked for (such as a 408 before an idle close).
func (c *connection) stale() bool {
	select {
	case <-c.next:
		return true
	default:
		return false
	}
}

// exchange writes the request and reads the whole answer, once: nothing is sent again.
// It returns the answer with its body already read.
func (c *connection) exchange(t *target) (*http.Response, error) {
	if _, err := c.Write(t.wire); err != nil {
		return nil, err
	}
	if c.next != nil {
		if err := <-c.next; err != nil {
			return nil, err
		}
	}
	answer, err := c.readAnswer(t.request)
	if err != nil && c.readErr != nil {
		return nil, c.readErr
	}
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer, err
}

// maxInterim bounds the 1xx answers (100, 103) that are skipped before the real one.
const maxInterim = 5

func (c *connection) readAnswer(request *http.Request) (*http.Response, error) {
	for range maxInterim {
		answer, err := http.ReadResponse(c.reader, request)
		if err != nil {
			return nil, err
		}
		if answer.StatusCode >= 200 || answer.StatusCode == http.StatusSwitchingProtocols {
			return answer, nil
		}
	}
	return http.ReadResponse(c.reader, request)
}

// discard closes a connection whose answer was read in full. It does so by a reset where the
// system allows it: a normal close leaves the local port in TIME_WAIT for a minute, and some
// 28,000 ports would be used up within a minute at 500 new connections a second.
func (c *connection) discard() {
	raw := c.raw()
	if tcp, ok := raw.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	raw.Close()
}

// raw is the connection below TLS. Closing it skips the closing alert, which could block.
func (c *connection) raw() net.Conn {
	if secured, ok := c.Conn.(*tls.Conn); ok {
		return secured.NetConn()
	}
	return c.Conn
}

// opener opens connections to a target.
type opener struct {
	target *target
	dial   DialFunc // nil for a plain dialer
	// fallbacks counts the connections that opened only after another address of the same
	// name had failed or was slow.
	fallbacks atomic.Int64
}

// open dials and, for https, shakes hands; both end at the deadline. The error comes with
// the stage it belongs to.
func (o *opener) open(deadline time.Time) (*connection, stage, error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	conn, err := o.dialOnce(ctx)
	if err != nil {
		return nil, stageDial, err
	}
	if o.target.tls != nil {
		secured := tls.Client(conn, o.target.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, stageHandshake, err
		}
		conn = secured
	}
	c := &connection{Conn: conn}
	c.reader = bufio.NewReader(c)
	return c, stageExchange, nil
}

func (o *opener) dialOnce(ctx context.Context) (net.Conn, error) {
	if o.dial != nil {
		return o.dial(ctx, "tcp", o.target.address)
	}
	var attempts atomic.Int64
	dialer := net.Dialer{
		KeepAlive: -1,
		Control:   func(_, _ string, _ syscall.RawConn) error { attempts.Add(1); return nil },
	}
	conn, err := dialer.DialContext(ctx, "tcp", o.target.address)
	if err == nil && attempts.Load() > 1 {
		o.fallbacks.Add(1)
	}
	return conn, err
}
