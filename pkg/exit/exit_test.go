package exit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestCodeOf(t *testing.T) {
	services := schema.GroupResource{Resource: "services"}
	tests := map[string]struct {
		err  error
		want Code
	}{
		"nothing went wrong":                     {nil, OK},
		"a coded error":                          {Errorf(Refused, "no"), Refused},
		"a coded error under another message":    {fmt.Errorf("switch: %w", Errorf(Waiting, "gate")), Waiting},
		"the outer code wins over the inner":     {Errorf(No, "failed: %w", Errorf(TimedOut, "late")), No},
		"forbidden by the API server":            {apierrors.NewForbidden(services, "hello", errors.New("no")), Unreachable},
		"unauthorized":                           {apierrors.NewUnauthorized("who"), Unreachable},
		"write conflict":                         {apierrors.NewConflict(services, "hello", errors.New("changed")), Conflict},
		"named object does not exist":            {apierrors.NewNotFound(services, "hello"), Usage},
		"interrupted":                            {fmt.Errorf("wait: %w", context.Canceled), Interrupted},
		"deadline":                               {context.DeadlineExceeded, TimedOut},
		"connection refused":                     {&url.Error{Op: "Get", Err: &net.OpError{Op: "dial"}}, Unreachable},
		"the API server is overloaded":           {apierrors.NewTooManyRequestsError("later"), Unreachable},
		"anything else is a plain failed answer": {errors.New("boom"), No},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := CodeOf(tt.err); got != tt.want {
				t.Errorf("CodeOf(%v) = %d, want %d", tt.err, got, tt.want)
			}
		})
	}
}

func TestMeaningsListsEveryCodeOnce(t *testing.T) {
	want := []Code{OK, No, Usage, Waiting, TimedOut, Refused, Conflict, Unreachable, Interrupted}
	got := Meanings()
	if len(got) != len(want) {
		t.Fatalf("%d meanings, want %d", len(got), len(want))
	}
	for i, code := range want {
		if got[i].Code != code || got[i].Text == "" {
			t.Errorf("meaning %d = %+v, want code %d with a text", i, got[i], code)
		}
	}
}

func TestEnded(t *testing.T) {
	interrupted, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancelLate := context.WithTimeout(context.Background(), 0)
	defer cancelLate()
	tests := map[string]struct {
		ctx  context.Context
		code Code
		text string
	}{
		"an interrupt": {interrupted, Interrupted, "interrupted: 3 of 4 available"},
		"a deadline":   {late, TimedOut, "timed out: 3 of 4 available"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := Ended(tt.ctx, "%d of %d available", 3, 4)
			if CodeOf(err) != tt.code || err.Error() != tt.text {
				t.Errorf("got code %d, %q; want %d, %q", CodeOf(err), err, tt.code, tt.text)
			}
		})
	}
}
