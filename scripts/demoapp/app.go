package main

import (
	"context"
	"errors"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// app is the running application. Requests read its state; run alone changes it.
type app struct {
	config   config
	log      *log.Logger
	now      func() time.Time
	metrics  *metrics
	sessions sessions
	dice     *dice

	startedAt atomic.Pointer[time.Time] // end of the start-up; nil before
	draining  atomic.Bool               // SIGTERM has come
	closing   chan struct{}             // closed when nothing is accepted any more
}

func newApp(c config, logger *log.Logger) *app {
	return &app{
		config:   c,
		log:      logger,
		now:      time.Now,
		metrics:  newMetrics(c.version),
		sessions: newSessions(c),
		dice:     newDice(c.errorSeed),
		closing:  make(chan struct{}),
	}
}

// run goes through the life of the process and returns its exit code.
func (a *app) run(signals <-chan os.Signal) int {
	a.log.Printf("demoapp %s on pod %s", a.config.version, a.config.pod)
	var servers []server
	failed, drained := make(chan error, len(a.config.ports)), make(chan struct{})
	if a.config.startupMode == "unready" {
		servers = a.listen(failed)
	}
	startup := time.After(a.config.startup)
	var crash <-chan time.Time // nil, which never comes, without CRASH_AFTER
	if a.config.crashAfter > 0 {
		crash = time.After(a.config.crashAfter)
	}
	for {
		select {
		case <-startup:
			if a.config.startupMode == "refuse" {
				servers = a.listen(failed)
			}
			a.endStartup()
		case err := <-failed:
			a.log.Printf("fatal: %v", err)
			return exitFailed
		case <-crash:
			a.log.Printf("fatal: CRASH_AFTER=%v has passed, exiting with code %d", a.config.crashAfter, a.config.crashCode)
			return a.config.crashCode
		case <-signals:
			switch {
			case a.config.shutdown == "abrupt":
				a.log.Print("SIGTERM: exiting at once (SHUTDOWN=abrupt)")
				return exitTerminated
			case a.config.shutdown == "ignore" || a.draining.Load():
				a.log.Print("SIGTERM: ignored")
			default:
				startup = nil
				a.draining.Store(true)
				a.log.Printf("SIGTERM: draining, accepting for another %v", a.config.drainDelay)
				go a.drain(servers, drained)
			}
		case <-drained:
			a.log.Print("drained, exiting")
			return 0
		}
	}
}

// server is one open port.
type server struct {
	*http.Server
	listener net.Listener
}

// listen opens all ports and serves on them. Errors, at once or later, go to failed.
func (a *app) listen(failed chan<- error) []server {
	var servers []server
	for _, p := range a.config.ports {
		listener, err := net.Listen("tcp", net.JoinHostPort(a.config.listenHost, strconv.Itoa(p.number)))
		if err != nil {
			failed <- err
			return servers
		}
		a.log.Printf("listening: port %s on %s", p.name, listener.Addr())
		s := server{&http.Server{Handler: a.handler(p.name), ErrorLog: a.log}, listener}
		servers = append(servers, s)
		go func() {
			if err := s.Serve(listener); !errors.Is(err, net.ErrClosed) && err != http.ErrServerClosed {
				failed <- err
			}
		}()
	}
	return servers
}

func (a *app) endStartup() {
	now := a.now()
	a.startedAt.Store(&now)
	a.log.Printf("started after %v", a.config.startup)
}

// lastArrivals is how long requests are still served after the ports are closed. Without it
// those that had just connected would be lost: net/http drops, unanswered, what it reads once
// Shutdown was called (conn.serve in net/http/server.go).
const lastArrivals = 200 * time.Millisecond

// drain keeps accepting for the delay, so that those who still route here lose nothing, then
// closes the ports and waits for the requests in flight.
func (a *app) drain(servers []server, drained chan<- struct{}) {
	defer close(drained)
	if len(servers) == 0 {
		return
	}
	time.Sleep(a.config.drainDelay)
	for _, s := range servers {
		s.listener.Close()
	}
	time.Sleep(lastArrivals)
	close(a.closing)
	var closing sync.WaitGroup
	for _, s := range servers {
		closing.Go(func() { s.Shutdown(context.Background()) })
	}
	closing.Wait()
}

// dice decides which requests fail.
type dice struct {
	mu     sync.Mutex
	random *rand.Rand
}

// newDice with a seed gives the same sequence each time.
func newDice(seed *uint64) *dice {
	if seed == nil {
		random := rand.Uint64()
		seed = &random
	}
	return &dice{random: rand.New(rand.NewPCG(*seed, 0))}
}

// hit is true for the share (0-1) of the calls.
func (d *dice) hit(share float64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.random.Float64() < share
}
