package kube

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

var deployments = schema.GroupResource{Group: "apps", Resource: "deployments"}

// viaHTTP is err as net/http hands it to a client.
func viaHTTP(err error) error { return &url.Error{Op: "Get", URL: "https://10.0.0.1", Err: err} }

func dialing(err error) error { return viaHTTP(&net.OpError{Op: "dial", Net: "tcp", Err: err}) }

func TestTransient(t *testing.T) {
	proxyPage := func(code int) error {
		return apierrors.NewGenericServerResponse(code, "GET", deployments, "hello", "<html>", 0, true)
	}
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"nothing", nil, false},
		{"the API server is starting", apierrors.NewServiceUnavailable("starting"), true},
		{"the API server is overloaded", apierrors.NewTooManyRequests("later", 1), true},
		{"the request took the API server too long", apierrors.NewTimeoutError("slow", 1), true},
		{"a webhook is away", apierrors.NewInternalError(errors.New("failed calling webhook")), true},
		{"etcd elects a leader", &apierrors.StatusError{ErrStatus: statusOf(500, "etcdserver: leader changed")}, true},
		{"a proxy has no API server", proxyPage(http.StatusBadGateway), true},
		{"wrapped", fmt.Errorf("read: %w", apierrors.NewServiceUnavailable("starting")), true},
		{"a proxy says no", proxyPage(http.StatusForbidden), false},
		{"forbidden", apierrors.NewForbidden(deployments, "hello", errors.New("no")), false},
		{"unauthorized", apierrors.NewUnauthorized("no"), false},
		{"gone", apierrors.NewNotFound(deployments, "hello"), false},
		{"somebody else was faster", apierrors.NewConflict(deployments, "hello", errors.New("changed")), false},
		{"connection refused", dialing(syscall.ECONNREFUSED), true},
		{"no route", dialing(syscall.EHOSTUNREACH), true},
		{"connection reset", viaHTTP(syscall.ECONNRESET), true},
		{"connection closed before the answer", viaHTTP(io.EOF), true},
		{"connection closed in the answer", fmt.Errorf("read the body: %w", io.ErrUnexpectedEOF), true},
		{"connection given up by the server", viaHTTP(http2.GoAwayError{}), true},
		{"stream broken in the answer", fmt.Errorf("read the body: %w", http2.StreamError{StreamID: 1, Code: http2.ErrCodeInternal}), true},
		{"connection lost", viaHTTP(errors.New("http2: client connection lost")), true},
		{"DNS server is away", dialing(&net.DNSError{Err: "server misbehaving", IsTemporary: true}), true},
		{"no such host", dialing(&net.DNSError{Err: "no such host", IsNotFound: true}), false},
		{"interrupted", viaHTTP(context.Canceled), false},
		{"deadline of the context", viaHTTP(context.DeadlineExceeded), false},
		{"deadline of the context, bare", context.DeadlineExceeded, false},
		{"deadline, said by a step", exit.Errorf(exit.TimedOut, "not ready: %w", context.DeadlineExceeded), false},
		{"a verdict", exit.Errorf(exit.Refused, "no"), false},
		{"a verdict over an error that passes", exit.Errorf(exit.TimedOut, "last error: %w", apierrors.NewServiceUnavailable("starting")), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Transient(test.err); got != test.want {
				t.Errorf("Transient(%v) = %v, want %v", test.err, got, test.want)
			}
		})
	}
}

// TestTransientOnTheWire takes its errors from net/http and crypto/tls themselves, whose types are partly private.
func TestTransientOnTheWire(t *testing.T) {
	silent := func(server *httptest.Server) *httptest.Server {
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		return server
	}
	answer := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	plain := silent(httptest.NewServer(answer))
	secure := silent(httptest.NewTLSServer(answer))
	picky := silent(httptest.NewUnstartedServer(answer))
	picky.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	picky.StartTLS()
	closed := silent(httptest.NewServer(answer))
	closed.Close()
	t.Cleanup(func() {
		for _, server := range []*httptest.Server{plain, secure, picky} {
			server.Close()
		}
	})
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	tests := []struct {
		name   string
		client *http.Client
		url    string
		want   bool
	}{
		{"nobody listens", http.DefaultClient, closed.URL, true},
		{"the server's certificate is not trusted", http.DefaultClient, secure.URL, false},
		{"the client's certificate is missing", trusting, picky.URL, false},
		{"https to a port that speaks http", http.DefaultClient, "https" + plain.URL[len("http"):], false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			response, err := test.client.Get(test.url)
			if err == nil {
				response.Body.Close()
				t.Fatalf("GET %s succeeded", test.url)
			}
			if got := Transient(err); got != test.want {
				t.Errorf("Transient(%v) = %v, want %v", err, got, test.want)
			}
		})
	}
}

func TestPersist(t *testing.T) {
	busy, no, unauthorized, slow := apierrors.NewServiceUnavailable("starting"), errors.New("no"), apierrors.NewUnauthorized("token expired"), viaHTTP(context.DeadlineExceeded)
	tests := []struct {
		name    string
		answers []error
		want    string
		code    exit.Code
		tries   int
		told    []string
		took    time.Duration
	}{
		{"done at once", []error{nil}, "<nil>", exit.OK, 1, nil, 0},
		{"done after errors that pass", []error{busy, busy, busy, nil}, "<nil>", exit.OK, 4, []string{"starting"}, 1400 * time.Millisecond},
		{"an answer is final", []error{busy, no}, "no", exit.No, 2, []string{"starting"}, 200 * time.Millisecond},
		{"a token is renewed once", []error{unauthorized, nil}, "<nil>", exit.OK, 2, []string{"token expired"}, 200 * time.Millisecond},
		{"a token that stays refused", []error{unauthorized, unauthorized}, "token expired", exit.Unreachable, 2, []string{"token expired"}, 200 * time.Millisecond},
		{"--request-timeout", []error{slow, nil}, "<nil>", exit.OK, 2, []string{slow.Error()}, 200 * time.Millisecond},
		{"a verdict that names it", []error{exit.Errorf(exit.TimedOut, "not ready: %w", slow)}, "not ready: " + slow.Error(), exit.TimedOut, 1, nil, 0},
		{"never done", []error{busy, busy, busy, busy, busy, busy, busy, busy, busy, busy, busy, busy, busy, busy, busy, busy, busy, busy},
			"timed out: read it (last error: starting)", exit.TimedOut, 18, []string{"starting"}, 30 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				start, tries := time.Now(), 0
				var told []string
				err := Persist(ctx, "read it", func() error { tries++; return test.answers[tries-1] }, func(err error) { told = append(told, err.Error()) })
				if fmt.Sprint(err) != test.want || exit.CodeOf(err) != test.code || tries != test.tries || fmt.Sprint(told) != fmt.Sprint(test.told) || time.Since(start) != test.took {
					t.Errorf("got  %v (exit code %d) after %d tries and %s, told %v\nwant %v (exit code %d) after %d tries and %s, told %v",
						err, exit.CodeOf(err), tries, time.Since(start), told, test.want, test.code, test.tries, test.took, test.told)
				}
			})
		})
	}
}
