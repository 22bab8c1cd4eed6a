package release

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
)

// lines collects what is said.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, masked(fmt.Sprintf(format, args...)))
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}

func requestBy(holder string, said *lines) LockRequest {
	return LockRequest{Namespace: "shop", Target: "service/hello", Holder: holder, Operation: "switch hello", Say: said.say}
}

func acquired(t *testing.T, s *leaseServer, request LockRequest) *Lock {
	t.Helper()
	lock, err := Acquire(t.Context(), s, request)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

// describeError is an error with its exit code, for comparison.
func describeError(err error) string {
	if err == nil {
		return "<nil>"
	}
	return fmt.Sprintf("%d: %s", exit.CodeOf(err), masked(err.Error()))
}

const wantLease = `metadata:
  annotations:
    kubectl-switchyard.github.io/operation: switch hello
  name: kubectl-switchyard-service-hello
  namespace: shop
  resourceVersion: "%s"
  uid: uid-1
spec:
  acquireTime: "%s"
  holderIdentity: ann@laptop/ID
  leaseDurationSeconds: 15
  renewTime: "%s"
`

// deadLease is a lease of a client that was killed; the bubble's clock begins at 2000-01-01T00:00:00Z.
const deadLease = `
metadata: {name: kubectl-switchyard-service-hello, namespace: shop, annotations: {kubectl-switchyard.github.io/operation: run hello}}
spec: {holderIdentity: bob@ci/0badcafe, leaseDurationSeconds: 15, acquireTime: "1999-12-31T23:50:00.000000Z", renewTime: "1999-12-31T23:59:30.000000Z"}`

func TestAcquire(t *testing.T) {
	waiting := "service/hello is locked by bob@ci/ID since 1999-12-31T23:50:00Z (run hello); waiting up to 15s to see whether that one is alive"
	began := "2000-01-01T00:00:00.000000Z"
	after15s := "2000-01-01T00:00:15.000000Z"
	tests := []struct {
		name  string
		found string
		force bool
		lost  string
		want  string
		said  string
		took  time.Duration
		verbs string
	}{
		{name: "nobody has it", want: fmt.Sprintf(wantLease, "1", began, began), verbs: "[create]"},
		{name: "the answer is lost", lost: "create", want: fmt.Sprintf(wantLease, "1", began, began), took: 200 * time.Millisecond, verbs: "[create create get]",
			said: "the lock on service/hello cannot be taken: connection refused; trying again"},
		{name: "its holder is dead", found: deadLease, want: fmt.Sprintf(wantLease, "2", after15s, after15s), said: waiting, took: 15 * time.Second,
			verbs: "[create" + strings.Repeat(" get", 16) + " update]"},
		{name: "the answer to the takeover is lost", found: deadLease, lost: "update", want: fmt.Sprintf(wantLease, "2", after15s, after15s), took: 15200 * time.Millisecond,
			said:  waiting + "\nthe lock on service/hello cannot be taken: connection refused; trying again",
			verbs: "[create" + strings.Repeat(" get", 16) + " update create get]"},
		{name: "its holder has been dead for long", found: strings.Replace(deadLease, "T23:59:30", "T22:59:59", 1), want: fmt.Sprintf(wantLease, "2", began, began), verbs: "[create get update]"},
		{name: "it is free", found: strings.Replace(deadLease, "bob@ci/0badcafe", `""`, 1), want: fmt.Sprintf(wantLease, "2", began, began), verbs: "[create get update]"},
		{name: "it is forced", found: deadLease, force: true, want: fmt.Sprintf(wantLease, "2", began, began), verbs: "[create get update]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, said, start := newLeaseServer(), &lines{}, time.Now()
				s.holds(t, test.found)
				if test.lost != "" {
					s.lost[test.lost] = &netError{}
				}
				request := requestBy("ann@laptop", said)
				request.Force = test.force
				lock := acquired(t, s, request)
				if got, verbs := s.text(t), fmt.Sprint(s.verbs); got != test.want || said.String() != test.said || time.Since(start) != test.took || verbs != test.verbs {
					t.Errorf("got after %s, by %s:\n%s%s\nwant after %s, by %s:\n%s%s", time.Since(start), verbs, got, said, test.took, test.verbs, test.want, test.said)
				}
				lock.Release()
				if got := s.text(t); got != "" {
					t.Errorf("after Release there is\n%s", got)
				}
			})
		})
	}
}

// netError is what a broken connection gives.
type netError struct{}

func (*netError) Error() string   { return "connection refused" }
func (*netError) Timeout() bool   { return false }
func (*netError) Temporary() bool { return true }

func TestAcquireFails(t *testing.T) {
	forbidden := apierrors.NewForbidden(leaseKind, "", errors.New("no role"))
	tests := []struct {
		name   string
		during func(*leaseServer)
		within time.Duration
		want   string
		took   time.Duration
	}{
		{name: "no right", during: func(s *leaseServer) { s.away = forbidden }, within: time.Minute, want: "7: leases.coordination.k8s.io is forbidden: no role"},
		{name: "the deadline passes while the API server is away", during: func(s *leaseServer) { s.away = &netError{} }, within: 10 * time.Second,
			want: "4: timed out: take the lock on service/hello (last error: connection refused)", took: 10 * time.Second},
		{name: "the deadline passes while the holder is watched", during: func(*leaseServer) {}, within: 3 * time.Second, want: "4: context deadline exceeded", took: 3 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, start := newLeaseServer(), time.Now()
				s.holds(t, deadLease)
				test.during(s)
				ctx, cancel := context.WithTimeout(t.Context(), test.within)
				defer cancel()
				_, err := Acquire(ctx, s, requestBy("ann@laptop", &lines{}))
				if got := describeError(err); got != test.want || time.Since(start) != test.took {
					t.Errorf("got  %s after %s\nwant %s after %s", got, time.Since(start), test.want, test.took)
				}
			})
		})
	}
}

func TestAcquireFromTheLiving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, said := newLeaseServer(), &lines{}
		held := acquired(t, s, requestBy("bob@ci", &lines{}))
		defer held.Release()
		time.Sleep(2 * time.Minute)
		start := time.Now()
		_, err := Acquire(t.Context(), s, requestBy("ann@laptop", said))
		want := "6: service/hello is locked by bob@ci/ID since 2000-01-01T00:00:00Z (switch hello); wait for it to end, or pass --take-lock if you know that it is dead"
		wantSaid := "service/hello is locked by bob@ci/ID since 2000-01-01T00:00:00Z (switch hello); waiting up to 15s to see whether that one is alive"
		if got := describeError(err); got != want || said.String() != wantSaid || time.Since(start) > 6*time.Second {
			t.Errorf("got after %s:\n%s\n%s\nwant within 6s:\n%s\n%s", time.Since(start), got, said, want, wantSaid)
		}
		if err := held.Check(t.Context()); err != nil {
			t.Errorf("the holder was disturbed: %v", err)
		}
	})
}

// TestAcquireOutlastsAnOutage: a holder that could not renew its lease, since the API server was away, is not dead.
func TestAcquireOutlastsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLeaseServer()
		held := acquired(t, s, requestBy("bob@ci", &lines{}))
		defer held.Release()
		time.AfterFunc(500*time.Millisecond, func() { s.set(&netError{}) })
		time.AfterFunc(time.Minute, func() { s.set(nil) })
		_, err := Acquire(t.Context(), s, requestBy("ann@laptop", &lines{}))
		if exit.CodeOf(err) != exit.Conflict || held.Check(t.Context()) != nil {
			t.Errorf("got %v; the holder: %v", err, held.Check(t.Context()))
		}
	})
}

func TestAcquireByTwoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLeaseServer()
		s.holds(t, deadLease)
		results := make(chan error, 2)
		for _, name := range []string{"ann@laptop", "eve@desk"} {
			go func() {
				lock, err := Acquire(t.Context(), s, requestBy(name, &lines{}))
				if err == nil {
					time.Sleep(time.Minute)
					lock.Release()
				}
				results <- err
			}()
		}
		first, second := <-results, <-results // the one that gets it keeps it for longer than the other waits
		if exit.CodeOf(first) != exit.Conflict || second != nil {
			t.Errorf("got %v and %v, want a conflict and a lock", first, second)
		}
	})
}

func TestLockIsKept(t *testing.T) {
	tests := []struct {
		name  string
		until func(*leaseServer)
		// renewed is the time of the last renewal after a minute.
		renewed string
	}{
		{"quietly", func(*leaseServer) {}, "2000-01-01T00:01:00.000000Z"},
		{"after the answer to a renewal was lost", func(s *leaseServer) { s.lost["update"] = &netError{} }, "2000-01-01T00:00:56.000000Z"},
		{"after an outage", func(s *leaseServer) {
			s.away = &netError{}
			time.AfterFunc(30*time.Second+time.Millisecond, func() { s.set(nil) })
		}, "2000-01-01T00:00:56.000000Z"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newLeaseServer()
				lock := acquired(t, s, requestBy("ann@laptop", &lines{}))
				s.mu.Lock()
				test.until(s)
				s.mu.Unlock()
				time.Sleep(time.Minute)
				synctest.Wait()
				if got := s.text(t); !strings.Contains(got, "renewTime: \""+test.renewed) || !strings.Contains(got, "holderIdentity: ann@laptop/ID") {
					t.Errorf("after a minute there is, without a renewal at %s\n%s", test.renewed, got)
				}
				if err := lock.Check(t.Context()); err != nil {
					t.Error(err)
				}
				lock.Release()
				if got := s.text(t); got != "" {
					t.Errorf("after Release there is\n%s", got)
				}
			})
		})
	}
}

func TestLockIsLost(t *testing.T) {
	tests := []struct {
		name, lease, want string
	}{
		{"taken over", strings.Replace(deadLease, "run hello", "abort hello", 1),
			"6: the lock on service/hello was taken over by bob@ci/ID since 1999-12-31T23:50:00Z (abort hello); stopped"},
		{"removed", "", "6: the lock on service/hello was removed by somebody else; stopped"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newLeaseServer()
				lock := acquired(t, s, requestBy("ann@laptop", &lines{}))
				guarded, done := lock.Guard(t.Context())
				defer done()
				time.Sleep(12 * time.Second)
				s.holds(t, test.lease)
				lost := time.Now()
				before := s.text(t)
				if err := lock.Lost(); err != nil {
					t.Errorf("lost before anybody could know: %v", err)
				}
				<-guarded.Done()
				if got := describeError(context.Cause(guarded)); got != test.want || time.Since(lost) > renewEvery {
					t.Errorf("the guarded context ended after %s by %s\nwant %s", time.Since(lost), got, test.want)
				}
				for _, got := range []string{describeError(lock.Lost()), describeError(lock.Check(t.Context()))} {
					if got != test.want {
						t.Errorf("got  %s\nwant %s", got, test.want)
					}
				}
				lock.Release()
				if got := s.text(t); got != before {
					t.Errorf("another's lease was touched:\n%s\nbefore:\n%s", got, before)
				}
			})
		})
	}
}

// TestCheckAsksTheServer: the loss is found before the next renewal is due.
func TestCheckAsksTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLeaseServer()
		lock := acquired(t, s, requestBy("ann@laptop", &lines{}))
		defer lock.Release()
		if err := lock.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.holds(t, deadLease)
		if err := lock.Check(t.Context()); exit.CodeOf(err) != exit.Conflict {
			t.Errorf("got %v", err)
		}
	})
}

// deaf is a client whose updates get no answer at all, as behind a broken route.
type deaf struct{ kubernetes.Interface }

func (d deaf) CoordinationV1() coordinationclient.CoordinationV1Interface {
	return deafCoordination{d.Interface.CoordinationV1()}
}

type deafCoordination struct {
	coordinationclient.CoordinationV1Interface
}

func (d deafCoordination) Leases(namespace string) coordinationclient.LeaseInterface {
	return deafLeases{d.CoordinationV1Interface.Leases(namespace)}
}

type deafLeases struct {
	coordinationclient.LeaseInterface
}

func (deafLeases) Update(ctx context.Context, _ *coordinationv1.Lease, _ metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestCheckWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock, err := Acquire(t.Context(), deaf{newLeaseServer()}, requestBy("ann@laptop", &lines{}))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		err = lock.Check(t.Context())
		if want := "Timeout: the lock on service/hello was not renewed within 5s"; err == nil || err.Error() != want || !kube.Transient(err) || time.Since(start) != renewEvery {
			t.Errorf("got %v after %s, want %s, transient, after %s", err, time.Since(start), want, renewEvery)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := lock.Check(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the caller's context", err)
		}
		start = time.Now()
		if lock.Release(); time.Since(start) != 0 {
			t.Errorf("Release waited %s for a renewal", time.Since(start))
		}
	})
}

func TestReleaseAfterACutOffRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLeaseServer()
		lock := acquired(t, s, requestBy("ann@laptop", &lines{}))
		s.mu.Lock()
		s.lost["update"] = context.Canceled
		s.mu.Unlock()
		time.Sleep(renewEvery)
		synctest.Wait()
		lock.Release()
		if got := s.text(t); got != "" {
			t.Errorf("after Release there is\n%s", got)
		}
	})
}

func TestHolderOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tests := []struct{ name, lease, want string }{
			{"no lease", "", "{nobody 0001-01-01 00:00:00 +0000 UTC  false}"},
			{"a free lease", "spec: {leaseDurationSeconds: 15}", "{nobody 0001-01-01 00:00:00 +0000 UTC  false}"},
			{"a live holder", strings.Replace(deadLease, "T23:59:30", "T23:59:45", 1), "{bob@ci/0badcafe 1999-12-31 23:50:00 +0000 UTC run hello false}"},
			{"an expired holder", deadLease, "{bob@ci/0badcafe 1999-12-31 23:50:00 +0000 UTC run hello true}"},
			{"no times at all", "metadata: {creationTimestamp: \"1999-12-31T23:59:50Z\"}\nspec: {holderIdentity: bob}", "{bob 1999-12-31 23:59:50 +0000 UTC  false}"},
		}
		for _, test := range tests {
			var lease *coordinationv1.Lease
			if test.lease != "" {
				lease = object[coordinationv1.Lease](t, test.lease)
			}
			holder := HolderOf(lease)
			holder.Since.Time = holder.Since.UTC()
			if got := fmt.Sprint(*holder); got != test.want {
				t.Errorf("%s: got %s, want %s", test.name, got, test.want)
			}
		}
	})
}

func TestLeaseName(t *testing.T) {
	if got, want := LeaseName("service/hello"), "kubectl-switchyard-service-hello"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
