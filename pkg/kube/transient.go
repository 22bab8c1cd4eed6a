package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/http2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

// Transient tells whether err may go away by itself: the API server is restarting or overloaded, or the network broke.
// A step that is safe to repeat is repeated on it. A write whose answer was lost may have happened, so it must be
// preceded by a fresh read. What only a change of the configuration cures (a certificate that is not trusted, a host
// name that does not exist), a missing right and the end of the caller's own context are not transient, and neither is
// what carries an exit code: that is a verdict, whatever it wraps.
func Transient(err error) bool {
	var verdict *exit.Error
	if errors.As(err, &verdict) {
		return false
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		code := status.Status().Code
		return code >= http.StatusInternalServerError || code == http.StatusTooManyRequests
	}
	return fromNetwork(err) && !contextEnded(err) && !misconfigured(err)
}

// fromNetwork tells whether a request failed on its way, and not by the API server's decision.
func fromNetwork(err error) bool {
	var netErr net.Error
	var urlErr *url.Error
	var streamErr http2.StreamError // client-go hands it on bare when it ends the body of an answer
	return errors.As(err, &netErr) || errors.As(err, &urlErr) || errors.As(err, &streamErr) || errors.Is(err, io.ErrUnexpectedEOF)
}

// contextEnded tells whether err is the end of a context: the caller's, or the one that client-go makes of
// --request-timeout, which looks the same.
func contextEnded(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// requestEnded tells whether err is the end of --request-timeout, provided that ctx is the only other one to end.
func requestEnded(ctx context.Context, err error) bool {
	var verdict *exit.Error
	var urlErr *url.Error
	return ctx.Err() == nil && !errors.As(err, &verdict) && errors.As(err, &urlErr) && urlErr.Timeout()
}

// misconfigured tells whether a request can never succeed with this configuration.
func misconfigured(err error) bool {
	var verification *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	if errors.As(err, &verification) || errors.As(err, &header) || errors.As(err, &authority) || errors.As(err, &host) ||
		errors.As(err, &invalid) || errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.IsNotFound
	}
	// crypto/tls reports an alert of the server, such as an unknown client certificate, under this name.
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// The pause before a request is repeated grows from the first to the last of these.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 2 * time.Second
)

// Persist calls do until it succeeds, fails for good, or ctx ends; then the error is exit.Ended's and names what was to be
// done and the last error. do must be safe to repeat. again is told the first error that is not taken for an answer.
func Persist(ctx context.Context, what string, do func() error, again func(err error)) error {
	refused, told := false, false
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := do()
		// After a request that was refused, a credential plugin is asked anew, for the next request only
		// (client-go's plugin/pkg/client/auth/exec, maybeRefreshCreds).
		renewed := apierrors.IsUnauthorized(err) && !refused
		refused = refused || renewed
		if err == nil || !renewed && !Transient(err) && !requestEnded(ctx, err) {
			return err
		}
		if !told {
			again(err)
			told = true
		}
		select {
		case <-ctx.Done():
			return exit.Ended(ctx, "%s (last error: %w)", what, err)
		case <-time.After(pause):
		}
	}
}
