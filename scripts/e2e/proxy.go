package e2e

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Call is a request that a client made to the API server.
type Call struct {
	Method, Path, Query string
	At                  time.Time
	// Write is the number of the write, from 1, as it stood when the call was made or, once it is in Calls, the final one;
	// 0 for a call that reads, and for a write that the server refused.
	Write int
}

// writes tells whether a call changes the cluster. The renewals of a lock come by the clock and would make the numbers of
// the writes depend on it, so they do not count, and neither do dry runs and questions that happen to be asked by POST.
func (c Call) writes() bool {
	switch {
	case c.Method == http.MethodGet, c.Method == http.MethodHead, strings.Contains(c.Query, "dryRun=All"):
		return false
	case strings.HasSuffix(c.Path, "reviews"), c.Method == http.MethodPut && strings.Contains(c.Path, "/leases/"):
		return false
	}
	return true
}

// Hooks are called for every write, in the course of the request: while one of them blocks, so does the client.
type Hooks struct {
	// Before is called before the write is sent on; c.Write is the number that it will have if the server accepts it.
	Before func(c Call)
	// Answered is called when the server has carried the write out. When it returns false the answer is lost: the
	// connection to the client breaks.
	Answered func(c Call) bool
	// Delivered is called when the client has been sent the answer.
	Delivered func(c Call)
}

// Proxy stands between clients and the API server. It speaks plain HTTP on loopback and has the credentials of the
// namespace that it was made for.
type Proxy struct {
	// Namespace runs its commands through the proxy.
	*Namespace
	forward *httputil.ReverseProxy

	mu    sync.Mutex
	hooks Hooks
	calls []Call
	count int
}

// errLost breaks the connection to the client.
var errLost = errors.New("the answer is to be lost")

// StartProxy starts a proxy for the namespace's API server, with its credentials. It ends with the test.
func (n *Namespace) StartProxy(hooks Hooks) *Proxy {
	n.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", n.Kubeconfig)
	if err != nil {
		n.t.Fatal(err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		n.t.Fatal(err)
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		n.t.Fatal(err)
	}
	p := &Proxy{hooks: hooks}
	p.forward = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      transport,
		FlushInterval:  -1, // watches
		ModifyResponse: p.answered,
		// A broken connection is what a client sees of an API server that is gone, not a status of a proxy's own.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := httptest.NewServer(p)
	n.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	through := *n
	through.use(&clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"proxy": {Server: server.URL}},
		Contexts:       map[string]*clientcmdapi.Context{"proxy": {Cluster: "proxy"}},
		CurrentContext: "proxy",
	})
	p.Namespace = &through
	return p
}

// SetHooks replaces the hooks.
func (p *Proxy) SetHooks(hooks Hooks) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hooks = hooks
}

// Calls returns all calls so far, in the order in which they were made.
func (p *Proxy) Calls() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// Writes returns the writes that the server carried out, in that order.
func (p *Proxy) Writes() []Call {
	writes := slices.DeleteFunc(p.Calls(), func(c Call) bool { return c.Write == 0 })
	slices.SortFunc(writes, func(a, b Call) int { return a.Write - b.Write })
	return writes
}

// Reset forgets the calls and begins to count the writes from 1 again.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls, p.count = nil, 0
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := &Call{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, At: time.Now()}
	p.mu.Lock()
	hooks := p.hooks
	index := len(p.calls)
	p.calls = append(p.calls, *call)
	next := p.count + 1
	p.mu.Unlock()
	pass := &passage{call: *call, index: index, hooks: hooks}
	if call.writes() && hooks.Before != nil {
		pass.call.Write = next
		hooks.Before(pass.call)
		pass.call.Write = 0
	}
	p.forward.ServeHTTP(w, r.WithContext(withPassage(r.Context(), pass)))
	if pass.call.Write > 0 && hooks.Delivered != nil {
		_ = http.NewResponseController(w).Flush()
		hooks.Delivered(pass.call)
	}
}

// answered counts a write that the server carried out.
func (p *Proxy) answered(answer *http.Response) error {
	pass := passageOf(answer.Request.Context())
	if !pass.call.writes() || answer.StatusCode >= 300 {
		return nil
	}
	p.mu.Lock()
	p.count++
	pass.call.Write = p.count
	if pass.index < len(p.calls) {
		p.calls[pass.index].Write = p.count
	}
	p.mu.Unlock()
	if pass.hooks.Answered != nil && !pass.hooks.Answered(pass.call) {
		return errLost
	}
	return nil
}

// Loss says what becomes of the answer to a write whose client is killed.
type Loss bool

// The ways to kill a client at a write.
const (
	// AnswerLost kills it when the server has carried the write out, before it hears of that.
	AnswerLost Loss = true
	// AnswerDelivered kills it right after the answer was sent to it.
	AnswerDelivered Loss = false
)

// RunKilled runs kubectl through the proxy and kills it, as kill -9 does, at its write number n. It returns how the command
// ended, and whether it was killed; it is not when it makes fewer writes.
func (p *Proxy) RunKilled(n int, loss Loss, args ...string) (Result, bool) {
	p.t.Helper()
	return p.RunKilledAt(func(c Call) bool { return c.Write == n }, loss, args...)
}

// RunKilledAt is RunKilled for the first write that at picks. It is asked of every write, in order.
func (p *Proxy) RunKilledAt(at func(c Call) bool, loss Loss, args ...string) (Result, bool) {
	p.t.Helper()
	p.Reset()
	victim := make(chan *Process, 1)
	var killed atomic.Bool
	kill := func(c Call) bool {
		if killed.Load() || !at(c) {
			return true
		}
		process := <-victim
		killed.Store(true)
		process.Kill()
		<-process.Done()
		return false
	}
	hooks := Hooks{Answered: kill}
	if loss == AnswerDelivered {
		hooks = Hooks{Delivered: func(c Call) { kill(c) }}
	}
	p.SetHooks(hooks)
	defer p.SetHooks(Hooks{})
	process := p.Start(args...)
	victim <- process
	result := process.Wait()
	return result, killed.Load()
}
