package release

import (
	"context"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
)

// The timing of the lock.
const (
	// leaseDuration is how long a holder that stopped renewing is waited for.
	leaseDuration = 15 * time.Second
	// renewEvery leaves a live holder two more tries before anybody may think it dead. A try may take as long.
	renewEvery = 5 * time.Second
	// renewAgain is the pause after a renewal that failed.
	renewAgain = time.Second
	// longDead is the age of the last renewal at which a lease is taken over without first watching it for a
	// leaseDuration. It is the one place where the clocks of two machines are compared, so it allows for a bad one.
	longDead = time.Hour
	// watchEvery is how often a foreign lease is looked at while it is being watched for a sign of life.
	watchEvery = time.Second
	// tries is how often a write to the lease is worked out anew when somebody else wrote in between.
	tries = 5
	// releaseWithin bounds the return of the lock, which must not hold up the end of an interrupted command.
	releaseWithin = 3 * time.Second
)

// annotationOperation on a Lease says what its holder is doing.
const annotationOperation = Domain + "/operation"

// LockRequest names a lock and who wants it.
type LockRequest struct {
	Namespace string
	// Target is what the lock guards, as "service/hello".
	Target string
	// Holder is the operator; Operation is what for ("switch").
	Holder, Operation string
	// Force takes the lock from whoever holds it.
	Force bool
	// Say tells the user why it takes a while.
	Say func(format string, args ...any)
}

// Lock is a held Lease. It is renewed in the background until Release.
type Lock struct {
	client  kubernetes.Interface
	request LockRequest
	// held ends when the lock is lost, with the reason as its cause.
	held context.Context
	lose context.CancelCauseFunc
	// stop ends the renewal, ended tells that it has.
	stop  context.CancelFunc
	ended chan struct{}

	mu    sync.Mutex
	lease *coordinationv1.Lease
}

// LeaseName returns the name of the Lease that guards target, such as "service/hello".
func LeaseName(target string) string {
	name := []byte("kubectl-switchyard-" + target)
	for i := range name {
		if name[i] == '/' {
			name[i] = '-'
		}
	}
	return string(name)
}

// Acquire takes the lock. One that a dead client left behind is taken over once it was seen unrenewed for its whole
// duration, which needs no agreement of clocks; one that shows life gives an error with exit.Conflict that tells who
// holds it and since when. Errors that may pass are waited out until ctx ends.
func Acquire(ctx context.Context, client kubernetes.Interface, request LockRequest) (*Lock, error) {
	request.Holder = fmt.Sprintf("%s/%s", request.Holder, NewID())
	lock := &Lock{client: client, request: request, ended: make(chan struct{})}
	err := kube.Persist(ctx, "take the lock on "+request.Target, func() error { return lock.acquire(ctx) }, func(err error) {
		request.Say("the lock on %s cannot be taken: %v; trying again", request.Target, err)
	})
	if err != nil {
		return nil, err
	}
	lock.held, lock.lose = context.WithCancelCause(context.Background())
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	lock.stop = stop
	go lock.keep(background)
	return lock, nil
}

func (l *Lock) leases() coordinationclient.LeaseInterface {
	return l.client.CoordinationV1().Leases(l.request.Namespace)
}

// acquire creates the lease, or takes one over that nobody holds any more.
func (l *Lock) acquire(ctx context.Context) error {
	for try := 1; ; try++ {
		lease, err := l.leases().Create(ctx, l.newLease(), kube.CreateOptions(false))
		if apierrors.IsAlreadyExists(err) {
			lease, err = l.takeOver(ctx)
		}
		again := apierrors.IsNotFound(err) || apierrors.IsConflict(err) // released, or taken by another, in between
		if !again || try == tries {
			if err == nil {
				l.holds(lease)
			}
			return err
		}
	}
}

// takeOver writes this client into the lease that is there, once it may. When that changes meanwhile, the error is
// the API server's Conflict or NotFound.
func (l *Lock) takeOver(ctx context.Context) (*coordinationv1.Lease, error) {
	found, err := l.leases().Get(ctx, LeaseName(l.request.Target), metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if holderOf(found) == l.request.Holder { // the answer to an earlier try was lost
		return found, nil
	}
	if err := l.awaitDeath(ctx, found); err != nil {
		return nil, err
	}
	wanted := l.newLease()
	wanted.ResourceVersion = found.ResourceVersion
	return l.leases().Update(ctx, wanted, metav1.UpdateOptions{FieldManager: kube.Manager})
}

// awaitDeath returns nil once found may be taken over.
func (l *Lock) awaitDeath(ctx context.Context, found *coordinationv1.Lease) error {
	if l.request.Force || holderOf(found) == "" || time.Since(renewTime(found)) > longDead {
		return nil
	}
	l.request.Say("%s is locked by %s; waiting up to %s to see whether that one is alive", l.request.Target, describe(found), leaseDuration)
	deadline := time.Now().Add(leaseDuration)
	for time.Now().Before(deadline) {
		if err := Sleep(ctx, watchEvery); err != nil {
			return err
		}
		now, err := l.leases().Get(ctx, found.Name, metav1.GetOptions{})
		switch {
		case kube.Transient(err):
			deadline = time.Now().Add(leaseDuration) // the holder may not have been able to renew it either
		case err != nil:
			return err
		case now.ResourceVersion != found.ResourceVersion:
			return exit.Errorf(exit.Conflict, "%s is locked by %s; wait for it to end, or pass --take-lock if you know that it is dead",
				l.request.Target, describe(now))
		}
	}
	return nil
}

func (l *Lock) newLease() *coordinationv1.Lease {
	now := metav1.NowMicro()
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Name: LeaseName(l.request.Target), Namespace: l.request.Namespace,
			Annotations: map[string]string{annotationOperation: l.request.Operation},
		},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity:       ptr.To(l.request.Holder),
			LeaseDurationSeconds: ptr.To(int32(leaseDuration / time.Second)),
			AcquireTime:          &now,
			RenewTime:            &now,
		},
	}
}

func (l *Lock) holds(lease *coordinationv1.Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lease = lease
}

// keep renews the lease until ctx ends or the lock is lost. Other errors are left to the next renewal, and to Check.
func (l *Lock) keep(ctx context.Context) {
	defer close(l.ended)
	for pause := renewEvery; Sleep(ctx, pause) == nil && l.held.Err() == nil; {
		pause = renewEvery
		if err := l.renew(ctx); err != nil {
			pause = renewAgain
		}
	}
}

// renew writes a new time into the lease. An error that is not the end of ctx and not transient means that the lock is
// lost, or a right is missing.
func (l *Lock) renew(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	err := l.write(within)
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		return apierrors.NewTimeoutError(fmt.Sprintf("the lock on %s was not renewed within %s", l.request.Target, renewEvery), 0)
	}
	return err
}

func (l *Lock) write(ctx context.Context) error {
	l.mu.Lock()
	lease := l.lease.DeepCopy()
	l.mu.Unlock()
	for try := 1; ; try++ {
		lease.Spec.RenewTime = ptr.To(metav1.NowMicro())
		written, err := l.leases().Update(ctx, lease, metav1.UpdateOptions{FieldManager: kube.Manager})
		if err == nil {
			l.holds(written)
			return nil
		}
		if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) || try == tries {
			return err
		}
		// An update whose answer was lost leaves the same trace as a takeover.
		if lease, err = l.look(ctx); err != nil {
			return err
		}
	}
}

// look reads the lease, and finds out whether the lock is lost.
func (l *Lock) look(ctx context.Context) (*coordinationv1.Lease, error) {
	lease, err := l.leases().Get(ctx, LeaseName(l.request.Target), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		err = exit.Errorf(exit.Conflict, "the lock on %s was removed by somebody else; stopped", l.request.Target)
		l.lose(err)
	case err == nil && holderOf(lease) != l.request.Holder:
		err = exit.Errorf(exit.Conflict, "the lock on %s was taken over by %s; stopped", l.request.Target, describe(lease))
		l.lose(err)
	}
	return lease, err
}

// Check returns nil if the lock is held at this moment: it renews the lease, and so never trusts a clock, which stands
// still while a machine sleeps. The error has exit.Conflict when the lock is lost.
func (l *Lock) Check(ctx context.Context) error {
	if err := l.Lost(); err != nil {
		return err
	}
	return l.renew(ctx)
}

// Lost returns the error with exit.Conflict that says who took the lock, nil as long as nobody is known to have.
func (l *Lock) Lost() error { return context.Cause(l.held) }

// Guard returns a context that ends when ctx does or the lock is lost, which is noticed at the next renewal, within
// seconds. The function frees what it holds.
func (l *Lock) Guard(ctx context.Context) (context.Context, func()) {
	guarded, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(l.held, func() { cancel(l.Lost()) })
	return guarded, func() {
		forget()
		cancel(nil)
	}
}

// Release gives the lock back. It has a few seconds of its own, since it also runs after an interrupt; when it fails
// the lease simply expires.
func (l *Lock) Release() {
	l.stop()
	<-l.ended
	ctx, cancel := context.WithTimeout(context.Background(), releaseWithin)
	defer cancel()
	lease, err := l.lease, l.Lost()
	for try := 1; err == nil && try <= tries; try++ {
		preconditions := &metav1.Preconditions{UID: &lease.UID, ResourceVersion: &lease.ResourceVersion}
		err = l.leases().Delete(ctx, lease.Name, metav1.DeleteOptions{Preconditions: preconditions})
		if apierrors.IsForbidden(err) { // everything else passes by itself
			l.request.Say("the lock on %s could not be given back, so the next command waits up to %s for it: %v", l.request.Target, leaseDuration, err)
		}
		if !apierrors.IsConflict(err) {
			return
		}
		// The last renewal was cut off: it may have been written.
		lease, err = l.look(ctx)
	}
}

func holderOf(lease *coordinationv1.Lease) string { return ptr.Deref(lease.Spec.HolderIdentity, "") }

func renewTime(lease *coordinationv1.Lease) time.Time {
	if lease.Spec.RenewTime == nil {
		return lease.CreationTimestamp.Time
	}
	return lease.Spec.RenewTime.Time
}

// describe tells who holds a lease, since when and what for.
func describe(lease *coordinationv1.Lease) string {
	holder := HolderOf(lease)
	return fmt.Sprintf("%s since %s (%s)", holder.Name, holder.Since.UTC().Format(time.RFC3339), holder.Operation)
}

// Holder tells who holds a lock.
type Holder struct {
	// Name is USER@HOST/id.
	Name      string      `json:"name"`
	Since     metav1.Time `json:"since"`
	Operation string      `json:"operation"`
	// Expired is set when the holder has not renewed the lock for its whole duration, by this machine's clock.
	Expired bool `json:"expired"`
}

// HolderOf reads the holder from a lease that LeaseName names; of no lease, or a free one, the name is "nobody".
func HolderOf(lease *coordinationv1.Lease) *Holder {
	if lease == nil || holderOf(lease) == "" {
		return &Holder{Name: "nobody"}
	}
	since := lease.CreationTimestamp
	if lease.Spec.AcquireTime != nil {
		since = metav1.NewTime(lease.Spec.AcquireTime.Time)
	}
	return &Holder{
		Name:      holderOf(lease),
		Since:     since,
		Operation: lease.Annotations[annotationOperation],
		Expired:   time.Since(renewTime(lease)) > leaseDuration,
	}
}
