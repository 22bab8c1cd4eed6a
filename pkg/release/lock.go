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
	"k8s.io/utils/ptr"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
)

// The timing of the lock.
const (
	// leaseDuration is how long a holder that stopped renewing is waited for.
	leaseDuration = 15 * time.Second
	// renewEvery leaves a live holder two more tries before anybody may think it dead.
	renewEvery = 5 * time.Second
	// longDead is the age of the last renewal at which a lease is taken over without first watching it for a
	// leaseDuration. It is far longer than any clock skew between two machines that both speak TLS.
	longDead = 5 * time.Minute
	// watchEvery is how often a foreign lease is looked at while it is being watched for a sign of life.
	watchEvery = time.Second
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
	stop    context.CancelFunc
	ended   chan struct{}

	mu      sync.Mutex
	lease   *coordinationv1.Lease
	renewed time.Time
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
// holds it and since when.
func Acquire(ctx context.Context, client kubernetes.Interface, request LockRequest) (*Lock, error) {
	request.Holder = fmt.Sprintf("%s/%s", request.Holder, NewID())
	lock := &Lock{client: client, request: request, ended: make(chan struct{})}
	if err := lock.acquire(ctx); err != nil {
		return nil, err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	lock.stop = stop
	go lock.keep(background)
	return lock, nil
}

func (l *Lock) acquire(ctx context.Context) error {
	leases := l.client.CoordinationV1().Leases(l.request.Namespace)
	name := LeaseName(l.request.Target)
	lease, err := leases.Create(ctx, l.newLease(name), kube.CreateOptions(false))
	if err == nil {
		l.holds(lease)
		return nil
	}
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	found, err := leases.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) { // released in between
		return l.acquire(ctx)
	}
	if err != nil {
		return err
	}
	if err := l.awaitDeath(ctx, found); err != nil {
		return err
	}
	return l.takeOver(ctx, found)
}

// awaitDeath returns nil once found may be taken over.
func (l *Lock) awaitDeath(ctx context.Context, found *coordinationv1.Lease) error {
	if l.request.Force || ptr.Deref(found.Spec.HolderIdentity, "") == "" || time.Since(renewTime(found)) > longDead {
		return nil
	}
	l.request.Say("%s is locked by %s; waiting up to %s to see whether that one is alive", l.request.Target, describe(found), leaseDuration)
	deadline := time.Now().Add(leaseDuration)
	for time.Now().Before(deadline) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(watchEvery):
		}
		now, err := l.client.CoordinationV1().Leases(l.request.Namespace).Get(ctx, found.Name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case err != nil && !kube.Transient(err):
			return err
		case err == nil && now.ResourceVersion != found.ResourceVersion:
			return exit.Errorf(exit.Conflict, "%s is locked by %s; wait for it to end, or pass --take-lock if you know that it is dead",
				l.request.Target, describe(now))
		}
	}
	return nil
}

// takeOver writes this client into a lease that nobody holds any more, unless somebody else was faster.
func (l *Lock) takeOver(ctx context.Context, found *coordinationv1.Lease) error {
	wanted := l.newLease(found.Name)
	wanted.ResourceVersion = found.ResourceVersion
	lease, err := l.client.CoordinationV1().Leases(l.request.Namespace).Update(ctx, wanted, metav1.UpdateOptions{FieldManager: kube.Manager})
	switch {
	case apierrors.IsNotFound(err): // released while it was being watched
		return l.acquire(ctx)
	case apierrors.IsConflict(err):
		return exit.Errorf(exit.Conflict, "%s was just locked by somebody else; try again", l.request.Target)
	case err != nil:
		return err
	}
	l.holds(lease)
	return nil
}

func (l *Lock) newLease(name string) *coordinationv1.Lease {
	now := metav1.NowMicro()
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: l.request.Namespace,
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
	l.lease, l.renewed = lease, time.Now()
}

// keep renews the lease until ctx ends. Errors are left to Check, which runs before every step; after one that means that
// somebody else has written the lease, it does not trust the last renewal any more.
func (l *Lock) keep(ctx context.Context) {
	defer close(l.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(renewEvery):
			trying, cancel := context.WithTimeout(ctx, renewEvery)
			err := l.renew(trying)
			cancel()
			if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
				l.mu.Lock()
				l.renewed = time.Time{}
				l.mu.Unlock()
			}
		}
	}
}

func (l *Lock) renew(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	wanted := l.lease.DeepCopy()
	now := metav1.NowMicro()
	wanted.Spec.RenewTime = &now
	lease, err := l.client.CoordinationV1().Leases(l.request.Namespace).Update(ctx, wanted, metav1.UpdateOptions{FieldManager: kube.Manager})
	if err == nil {
		l.lease, l.renewed = lease, time.Now()
	}
	return err
}

// Check tells whether the lock is still held; it makes a request only when the last renewal is so old that somebody
// may have taken the lock over. The error has exit.Conflict when it is lost.
func (l *Lock) Check(ctx context.Context) error {
	l.mu.Lock()
	fresh := time.Since(l.renewed) < leaseDuration
	l.mu.Unlock()
	if fresh {
		return nil
	}
	err := l.renew(ctx)
	if apierrors.IsConflict(err) {
		// An update whose answer was lost leaves the same trace as a takeover: look who holds it.
		err = l.adopt(ctx)
	}
	if apierrors.IsNotFound(err) {
		return exit.Errorf(exit.Conflict, "the lock on %s was removed by somebody else; stopped", l.request.Target)
	}
	return err
}

func (l *Lock) adopt(ctx context.Context) error {
	lease, err := l.client.CoordinationV1().Leases(l.request.Namespace).Get(ctx, LeaseName(l.request.Target), metav1.GetOptions{})
	if err != nil {
		return err
	}
	if ptr.Deref(lease.Spec.HolderIdentity, "") != l.request.Holder {
		return exit.Errorf(exit.Conflict, "the lock on %s was taken over by %s; stopped", l.request.Target, describe(lease))
	}
	l.holds(lease)
	return nil
}

// Release gives the lock back. It has a few seconds of its own, since it also runs after an interrupt; when it fails
// the lease simply expires.
func (l *Lock) Release() {
	l.stop()
	<-l.ended
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	preconditions := &metav1.Preconditions{UID: &l.lease.UID, ResourceVersion: &l.lease.ResourceVersion}
	_ = l.client.CoordinationV1().Leases(l.request.Namespace).Delete(ctx, l.lease.Name, metav1.DeleteOptions{Preconditions: preconditions})
}

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

// HolderOf reads the holder from a lease that LeaseName names; nil lease, nil holder.
func HolderOf(lease *coordinationv1.Lease) *Holder {
	if lease == nil || ptr.Deref(lease.Spec.HolderIdentity, "") == "" {
		return &Holder{Name: "nobody"}
	}
	since := lease.CreationTimestamp
	if lease.Spec.AcquireTime != nil {
		since = metav1.NewTime(lease.Spec.AcquireTime.Time)
	}
	return &Holder{
		Name:      *lease.Spec.HolderIdentity,
		Since:     since,
		Operation: lease.Annotations[annotationOperation],
		Expired:   time.Since(renewTime(lease)) > leaseDuration,
	}
}
