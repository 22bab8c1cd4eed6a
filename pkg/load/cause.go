package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
)

// Cause is why a request counts as lost: one word of a fixed vocabulary.
type Cause string

// The vocabulary of causes. New ones may be added; the meaning of these does not change.
const (
	CauseRefused        Cause = "refused"         // the connection was refused: nothing listens, or a REJECT rule
	CauseConnectTimeout Cause = "connect-timeout" // no connection within the timeout: packets vanish
	CauseNoRoute        Cause = "no-route"        // network or host unreachable
	CauseDNS            Cause = "dns"             // the name could not be resolved
	CauseTLS            Cause = "tls"             // handshake failed, certificate not trusted, or TLS alert
	CauseReset          Cause = "reset"           // the connection was reset or broken before the answer was complete
	CauseEOF            Cause = "eof"             // the connection was closed before the answer was complete
	CauseTimeout        Cause = "timeout"         // connected, but no complete answer within the timeout
	CauseMalformed      Cause = "malformed"       // the answer is not HTTP/1.x
	CauseStatus4xx      Cause = "status-4xx"      // a complete answer with a 4xx status that is not accepted
	CauseStatus5xx      Cause = "status-5xx"      // the same with a 5xx status
	CauseStatusOther    Cause = "status-other"    // the same with any other status
	CauseNotSent        Cause = "not-sent"        // due, but Concurrency requests were in flight already
	CauseLocal          Cause = "local"           // this machine ran out of ports, files or buffers; says nothing of the target
	CauseOther          Cause = "other"           // none of the above; read the example
)

// stage is how far a request got. An error without a clearer mark is explained by its stage.
type stage int

const (
	stageDial stage = iota
	stageHandshake
	stageExchange
)

// causeOf names the cause of an error that ended a request in a stage.
func causeOf(err error, at stage) Cause {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return CauseDNS
	}
	if cause, ok := causeOfErrno(err); ok {
		return cause
	}
	switch {
	case isTimeout(err) && at == stageDial:
		return CauseConnectTimeout
	case isTimeout(err):
		return CauseTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return CauseEOF
	case at == stageHandshake, isTLSAlert(err):
		return CauseTLS
	case at == stageExchange:
		return CauseMalformed
	}
	return CauseOther
}

func causeOfErrno(err error) (Cause, bool) {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return "", false
	}
	for cause, errnos := range errnosOf {
		if slices.Contains(errnos, errno) {
			return cause, true
		}
	}
	return "", false
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

// isTLSAlert recognises an alert after the handshake, such as a client certificate that TLS
// 1.3 refuses late. crypto/tls marks it only by the Op of a net.OpError.
func isTLSAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}

// causeOfStatus names the cause of a complete answer whose status is not accepted.
func causeOfStatus(status int) (Cause, error) {
	err := fmt.Errorf("answered with status %d", status)
	switch status / 100 {
	case 4:
		return CauseStatus4xx, err
	case 5:
		return CauseStatus5xx, err
	}
	return CauseStatusOther, err
}
