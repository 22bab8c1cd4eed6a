package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

const (
	// tick is how often a check runs with no change seen, for conditions that only time makes true.
	tick = time.Second
	// syncPoll is how often the first read is asked whether it is complete.
	syncPoll = 5 * time.Millisecond
)

// Lister is the pair of typed client methods that a watch needs.
type Lister[L runtime.Object] interface {
	List(ctx context.Context, options metav1.ListOptions) (L, error)
	Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error)
}

// Source is something that Until can watch.
type Source interface {
	start(ctx context.Context, changed func(), failed func(error)) cache.InformerSynced
}

// Store is a live copy of a list of objects. It survives a restart of the API server: the watch is taken up again, or
// the list is read anew.
type Store[T any] struct {
	informer cache.SharedInformer
}

// NewStore prepares a live copy of the objects that client lists under options (selectors only); nothing is read
// before Until starts it.
func NewStore[T any, L runtime.Object](client Lister[L], options metav1.ListOptions) *Store[T] {
	narrow := func(o metav1.ListOptions) metav1.ListOptions {
		o.LabelSelector, o.FieldSelector = options.LabelSelector, options.FieldSelector
		return o
	}
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return client.List(ctx, narrow(o))
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return client.Watch(ctx, narrow(o))
		},
	}
	object, ok := any(new(T)).(runtime.Object)
	if !ok {
		panic(fmt.Sprintf("%T is no API object", new(T)))
	}
	return &Store[T]{informer: cache.NewSharedInformer(lw, object, 0)}
}

// Items returns the objects as last seen, in no order. The caller must not change what they point to.
func (s *Store[T]) Items() []T {
	var items []T
	for _, object := range s.informer.GetStore().List() {
		if item, ok := object.(*T); ok {
			items = append(items, *item)
		}
	}
	return items
}

func (s *Store[T]) start(ctx context.Context, changed func(), failed func(error)) cache.InformerSynced {
	_ = s.informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		// A missing right does not come back by waiting; everything else is taken up again by the reflector.
		if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
			failed(err)
		}
	})
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(any, any) { changed() },
		DeleteFunc: func(any) { changed() },
	}
	registration, err := s.informer.AddEventHandler(handler)
	if err != nil {
		failed(err)
		return func() bool { return false }
	}
	go s.informer.RunWithContext(ctx)
	return registration.HasSynced
}

// Until watches sources and runs check once all of them are read, after every change, and once a second, until it says
// done or fails, or ctx ends; then that error is returned. A missing right fails at once.
func Until(ctx context.Context, check func() (done bool, err error), sources ...Source) error {
	watching, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	changes := make(chan struct{}, 1)
	changed := func() {
		select {
		case changes <- struct{}{}:
		default: // a check is due already
		}
	}
	var synced []cache.InformerSynced
	for _, source := range sources {
		synced = append(synced, source.start(watching, changed, func(err error) { stop(err) }))
	}
	for {
		pause := syncPoll
		if allTrue(synced) {
			if done, err := check(); done || err != nil {
				return err
			}
			pause = tick
		}
		select {
		case <-watching.Done():
			return causeOf(ctx, watching)
		case <-changes:
		case <-time.After(pause):
		}
	}
}

// causeOf prefers the reason why the watch was given up over the bare end of its context.
func causeOf(outer, inner context.Context) error {
	if outer.Err() != nil {
		return outer.Err()
	}
	if cause := context.Cause(inner); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return inner.Err()
}

func allTrue(checks []cache.InformerSynced) bool {
	for _, check := range checks {
		if !check() {
			return false
		}
	}
	return true
}
