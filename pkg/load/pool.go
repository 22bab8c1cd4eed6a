package load

import (
	"net/http"
	"sync"
	"time"
)

// pool hands out connections: a new one for each request, or persistent ones in turn.
type pool struct {
	opener    opener
	keepAlive bool
	size      int // persistent connections to grow to, and the most to keep idle

	mu         sync.Mutex
	idle       []*connection // longest idle first
	held       int           // connections open or being opened, idle or in use
	opened     int64         // successful opens
	closedIdle int64         // idle connections that the server closed
}

// take returns an idle connection (reused) or opens one. With persistent connections, the
// pool grows to its size first, then the longest idle one is used.
func (p *pool) take(deadline time.Time) (c *connection, reused bool, at stage, err error) {
	if c := p.takeIdle(); c != nil {
		return c, true, stageExchange, nil
	}
	c, at, err = p.opener.open(deadline)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.held--
		return nil, false, at, err
	}
	p.opened++
	return c, false, at, nil
}

// takeIdle returns nil when a connection must be opened, and counts that one as held.
func (p *pool) takeIdle() *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.held >= p.size && len(p.idle) > 0 {
		c := p.idle[0]
		p.idle = p.idle[1:]
		if !c.stale() {
			return c
		}
		c.raw().Close()
		p.held--
		p.closedIdle++
	}
	p.held++
	return nil
}

// put takes a connection back after a complete answer, and keeps it if both sides may.
func (p *pool) put(c *connection, answer *http.Response) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.keepAlive || answer.Close || c.reader.Buffered() > 0 || len(p.idle) >= p.size {
		p.held--
		c.discard()
		return
	}
	c.SetDeadline(time.Time{})
	c.watch()
	p.idle = append(p.idle, c)
}

// drop closes a connection after a failed exchange.
func (p *pool) drop(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held--
	c.raw().Close()
}

// close closes the idle connections; none may be in use.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		c.raw().Close()
	}
	p.idle = nil
}

// counts returns how many connections were opened, and how many the server closed idle.
func (p *pool) counts() (opened, closedIdle int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened, p.closedIdle
}
