// Package exit defines the exit codes that every Switchyard plugin shares, and the error that carries one from the
// place that knows the verdict to the single place that ends the process.
package exit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Code is a process exit code. It means the same in every plugin.
type Code int

// The exit codes. A script may rely on each of them.
const (
	// OK: done, healthy, or nothing found.
	OK Code = 0
	// No: the answer is no: the release failed, findings were reported, requests were lost.
	No Code = 1
	// Usage: a wrong flag or argument, unreadable input, or a named object that does not exist. Nothing was changed.
	Usage Code = 2
	// Waiting: the release stands at a gate and waits for a person.
	Waiting Code = 3
	// TimedOut: the deadline passed. The release can be resumed.
	TimedOut Code = 4
	// Refused: a precondition does not hold. Nothing was changed.
	Refused Code = 5
	// Conflict: somebody else holds the lock or changed the objects. Nothing was changed.
	Conflict Code = 6
	// Unreachable: the cluster cannot be reached, or a right is missing.
	Unreachable Code = 7
	// Interrupted: ended by a signal. The release can be resumed.
	Interrupted Code = 130
)

// Meaning is one row of the exit code table that every help text ends with.
type Meaning struct {
	Code Code
	Text string
}

// Meanings returns the exit codes in ascending order, each with one line for the help text.
func Meanings() []Meaning {
	return []Meaning{
		{OK, "done, healthy, or nothing found"},
		{No, "the answer is no: the release failed, or there are findings"},
		{Usage, "wrong usage, unreadable input, or a named object that does not exist; nothing changed"},
		{Waiting, "waiting at a gate"},
		{TimedOut, "timed out; run the same command again to resume"},
		{Refused, "refused by a precondition; nothing changed"},
		{Conflict, "conflict or lock held by another; nothing changed"},
		{Unreachable, "cluster unreachable, or a right is missing"},
		{Interrupted, "interrupted; run the same command again to resume"},
	}
}

// Error is an error with the exit code that the process should end with.
type Error struct {
	Code Code
	Err  error
}

// Error returns the message of the wrapped error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an error with the given exit code and a message made as by fmt.Errorf (%w wraps).
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// CodeOf returns the exit code for err: OK for nil, the code of the outermost Error in its chain, or the code that
// the kind of error implies: an API server that forbids or cannot be reached is Unreachable, a write conflict is
// Conflict, a cancelled context is Interrupted, a passed deadline is TimedOut. Everything else is No.
func CodeOf(err error) Code {
	var coded *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &coded):
		return coded.Code
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return Unreachable
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return Conflict
	case apierrors.IsNotFound(err):
		return Usage
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	case isNetwork(err):
		return Unreachable
	}
	return No
}

// isNetwork tells whether err says that the API server could not be reached, or could not answer.
func isNetwork(err error) bool {
	var netErr net.Error
	var urlErr *url.Error
	return errors.As(err, &netErr) || errors.As(err, &urlErr) || apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err) ||
		apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsTooManyRequests(err)
}

// Ended returns the error for work that stopped because ctx ended: it says whether that was an interrupt or the deadline,
// and what the format says of where the work stood.
func Ended(ctx context.Context, format string, args ...any) error {
	code, how := Interrupted, "interrupted"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code, how = TimedOut, "timed out"
	}
	return &Error{Code: code, Err: fmt.Errorf("%s: %w", how, fmt.Errorf(format, args...))}
}
