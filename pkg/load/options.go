package load

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Defaults of the Options fields that may be left at zero.
const (
	DefaultConcurrency = 1000
	DefaultConnections = 10
	DefaultTimeout     = 10 * time.Second
	// MaxRate is the highest accepted rate in requests per second. It guards against a
	// slip of the keyboard, not against what a target can take.
	MaxRate = 20000
)

// Options says what to send, how fast, for how long, and what counts as an answer.
// URL, Rate and at least one of Duration and Requests are required.
type Options struct {
	// URL is the absolute http or https address. A password in it is sent, but not reported.
	URL string
	// Method is the HTTP method; GET when empty.
	Method string
	// Host overrides the Host header. It does not change the TLS server name: set
	// TLS.ServerName for that.
	Host string
	// Header is sent with each request. Host and Connection are refused here, since Host
	// and KeepAlive decide them.
	Header http.Header
	// Body is sent with each request.
	Body []byte

	// Rate is the offered load in requests per second. The loop is open: request number i
	// is due at start + i/Rate, however slow the target is.
	Rate float64
	// Duration bounds the sending time; 0 means no bound.
	Duration time.Duration
	// Requests bounds the number of requests; 0 means no bound.
	Requests int64
	// Concurrency is the upper bound of requests in flight (DefaultConcurrency when 0). A
	// request that is due above it is counted as lost with CauseNotSent.
	Concurrency int
	// Timeout bounds one request, from its real start to the last byte of its answer
	// (DefaultTimeout when 0).
	Timeout time.Duration

	// KeepAlive false opens a new TCP connection for each request and never reuses one;
	// true sends over persistent connections.
	KeepAlive bool
	// Connections is the number of persistent connections with KeepAlive (DefaultConnections
	// when 0, at most Concurrency). They are opened first and then used in turn, so that
	// every endpoint they were balanced to gets requests. While all of them are busy more are
	// opened; no more than this many are kept idle.
	Connections int

	// TLS configures https; nil verifies against the system's roots and the URL's host.
	TLS *tls.Config
	// DialContext opens the connection; nil is a plain net.Dialer without TCP keep-alive
	// probes. Environment proxies are never used.
	DialContext DialFunc
	// Identify names the version and the pod behind an answer. It must not read the body.
	// nil reads the X-Version and X-Pod headers.
	Identify func(*http.Response) (version, pod string)
	// Accept says which statuses are a good answer; nil accepts 200-399. Redirects are not
	// followed.
	Accept func(status int) bool
}

// withDefaults returns o with its zero fields filled in, or an error that names the bad field.
func (o Options) withDefaults() (Options, error) {
	switch {
	case !(o.Rate > 0) || o.Rate > MaxRate || math.IsInf(o.Rate, 0):
		return o, fmt.Errorf("rate %v: must be above 0 and at most %d requests per second", o.Rate, MaxRate)
	case o.Duration < 0 || o.Requests < 0:
		return o, fmt.Errorf("duration %v, requests %d: must not be negative", o.Duration, o.Requests)
	case o.Duration == 0 && o.Requests == 0:
		return o, errors.New("no bound: set a duration or a number of requests")
	case o.Concurrency < 0 || o.Connections < 0 || o.Timeout < 0:
		return o, fmt.Errorf("concurrency %d, connections %d, timeout %v: must not be negative",
			o.Concurrency, o.Connections, o.Timeout)
	}
	if o.Method == "" {
		o.Method = http.MethodGet
	}
	if o.Concurrency == 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.Connections == 0 {
		o.Connections = DefaultConnections
	}
	o.Connections = min(o.Connections, o.Concurrency)
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Identify == nil {
		o.Identify = identifyByHeaders
	}
	if o.Accept == nil {
		o.Accept = func(status int) bool { return status >= 200 && status < 400 }
	}
	return o, nil
}

func identifyByHeaders(r *http.Response) (version, pod string) {
	return r.Header.Get("X-Version"), r.Header.Get("X-Pod")
}

// target is one request in the form it goes over the wire, and where it goes.
type target struct {
	url     *url.URL
	address string      // host:port to dial
	tls     *tls.Config // nil for http
	request *http.Request
	wire    []byte
}

// target builds the request once; every exchange writes the same bytes.
func (o Options) target() (*target, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("url %q: %w", o.URL, err)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("url %q: scheme %q must be http or https", u.Redacted(), u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("url %q: no host", u.Redacted())
	}
	request, err := http.NewRequest(o.Method, u.String(), bytes.NewReader(o.Body))
	if err != nil {
		return nil, fmt.Errorf("request %s %s: %w", o.Method, u.Redacted(), err)
	}
	if err := o.setHeaders(request); err != nil {
		return nil, err
	}
	var wire bytes.Buffer
	if err := request.Write(&wire); err != nil {
		return nil, fmt.Errorf("request %s %s: %w", o.Method, u.Redacted(), err)
	}
	t := &target{url: u, address: dialAddress(u), request: request, wire: wire.Bytes()}
	if u.Scheme == "https" {
		t.tls = clientTLS(o.TLS, u.Hostname())
	}
	return t, nil
}

func (o Options) setHeaders(request *http.Request) error {
	request.Header.Set("User-Agent", "switchyard-load")
	for name, values := range o.Header {
		switch http.CanonicalHeaderKey(name) {
		case "Host":
			return errors.New("header Host: set Options.Host instead")
		case "Connection":
			return errors.New("header Connection: KeepAlive decides it")
		}
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	if user := request.URL.User; user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	if o.Host != "" {
		request.Host = o.Host
	}
	request.Close = !o.KeepAlive
	return nil
}

func dialAddress(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// clientTLS pins HTTP/1.1: the exchange below speaks nothing else.
func clientTLS(base *tls.Config, host string) *tls.Config {
	config := &tls.Config{}
	if base != nil {
		config = base.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.NextProtos = []string{"http/1.1"}
	return config
}
