package kube

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
)

// Lister is the pair of typed client methods that a watch needs.
type Lister[L runtime.Object] interface {
	List(ctx context.Context, options metav1.ListOptions) (L, error)
	Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error)
}

// denialPatience is how long a right that was there may be missing: an API server that has just started knows no roles
// before it has read them, and a credential plugin renews its token only after a refusal.
const denialPatience = 10 * time.Second

// reconnect is the pause between two attempts to list or watch. The reflector's own grows to a minute, which is for
// thousands of controllers and not for one person who waits for an API server to come back.
var reconnect = wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 6, Cap: 5 * time.Second}

// reconnectReset is how long a connection has to last for the pause to begin anew.
const reconnectReset = time.Minute

// errUnread is the state of a Store before its first read.
var errUnread = errors.New("not read yet")

// Store is a live copy of a list of objects, as of one consistent read and everything after it. It survives a restart of
// the API server: the watch is taken up again, or the list is read anew.
type Store[T any] struct {
	source cache.ListerWatcher
	items  cache.Store

	mu sync.Mutex
	// read and watched tell whether the list was read, and whether a watch ever began.
	read, watched bool
	// cut is the error of the latest attempt to list or watch, nil when it succeeded; since is when the cut began.
	cut   error
	since time.Time
	// changed and failed are those of the Until that uses the Store.
	changed func()
	failed  func(error)
}

// NewStore prepares a live copy of the objects that client lists under options (selectors only); nothing is read
// before Until starts it.
func NewStore[T any, L runtime.Object](client Lister[L], options metav1.ListOptions) *Store[T] {
	if _, ok := any(new(T)).(runtime.Object); !ok {
		panic(fmt.Sprintf("%T is no API object", new(T)))
	}
	s := &Store[T]{items: cache.NewStore(cache.MetaNamespaceKeyFunc)}
	narrow := func(o metav1.ListOptions) metav1.ListOptions {
		o.LabelSelector, o.FieldSelector = options.LabelSelector, options.FieldSelector
		if o.ResourceVersion == "0" {
			// The reflector is content with any state that the API server has cached. Here a verdict hangs on it, often
			// right after a write, so it must not be older than this moment.
			o.ResourceVersion = ""
		}
		return o
	}
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list, err := client.List(ctx, narrow(o))
			s.listed(ctx, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			events, err := client.Watch(ctx, narrow(o))
			s.watchBegan(ctx, err)
			return events, err
		},
	}
	s.source = listThenWatch{lw}
	return s
}

// listThenWatch keeps the reflector from having the initial state streamed to it, which not every API server can do: a
// list in pages followed by a watch works with all.
type listThenWatch struct{ *cache.ListWatch }

// IsWatchListSemanticsUnSupported is what client-go asks (util/watchlist).
func (listThenWatch) IsWatchListSemanticsUnSupported() bool { return true }

// Items returns the objects as last seen, in no order. The caller must not change what they point to.
func (s *Store[T]) Items() []T {
	var items []T
	for _, object := range s.items.List() {
		if item, ok := object.(*T); ok {
			items = append(items, *item)
		}
	}
	return items
}

// start reads the objects and keeps them up to date until ctx ends. changed is called after every change, and failed with
// an error that does not pass by itself.
func (s *Store[T]) start(ctx context.Context, changed func(), failed func(error)) {
	s.mu.Lock()
	s.read, s.watched, s.cut, s.since = false, false, nil, time.Time{}
	s.changed, s.failed = changed, failed
	s.mu.Unlock()
	backoff := reconnect
	options := cache.ReflectorOptions{Backoff: &backoff}
	reflector := cache.NewReflectorWithOptions(s.source, new(T), mirror{Store: s.items, changed: changed, replaced: s.replaced}, options)
	go func() {
		pause := reconnect.DelayWithReset(clock.RealClock{}, reconnectReset)
		for ctx.Err() == nil {
			// Its errors are those of listed and watchBegan; what else ends a watch is mended by the next one.
			_ = reflector.ListAndWatchWithContext(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(pause()):
			}
		}
	}()
}

// current returns nil while the objects are known to be up to date, else why they are not.
func (s *Store[T]) current() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.read && s.cut == nil {
		return errUnread
	}
	return s.cut
}

func (s *Store[T]) replaced() {
	s.mu.Lock()
	s.read = true
	s.mu.Unlock()
	s.changed()
}

// listed takes note of an attempt to list. Before the first watch, an error that does not pass by itself is final: a kind
// that the cluster does not serve, a missing right.
func (s *Store[T]) listed(ctx context.Context, err error) {
	s.mu.Lock()
	final := !s.watched && err != nil && ctx.Err() == nil && !Transient(err) || s.denied(err)
	s.note(ctx, err)
	s.mu.Unlock()
	if final {
		s.failed(err)
	}
}

// watchBegan takes note of an attempt to watch. An error other than a missing right is the reflector's to mend: it lists
// anew when the server has no events that old any more.
func (s *Store[T]) watchBegan(ctx context.Context, err error) {
	s.mu.Lock()
	final := s.denied(err)
	s.note(ctx, err)
	s.watched = s.watched || err == nil
	s.mu.Unlock()
	if final {
		s.failed(err)
	}
	s.changed()
}

func (s *Store[T]) note(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if err != nil && s.cut == nil {
		s.since = time.Now()
	}
	s.cut = err
}

// denied tells whether a right is missing, and not just for a moment.
func (s *Store[T]) denied(err error) bool {
	if !apierrors.IsForbidden(err) && !apierrors.IsUnauthorized(err) {
		return false
	}
	return !s.watched || s.cut != nil && time.Since(s.since) > denialPatience
}

// mirror is the store that the reflector writes into.
type mirror struct {
	cache.Store
	changed, replaced func()
}

func (m mirror) Add(object any) error {
	defer m.changed()
	return m.Store.Add(object)
}

func (m mirror) Update(object any) error {
	defer m.changed()
	return m.Store.Update(object)
}

func (m mirror) Delete(object any) error {
	defer m.changed()
	return m.Store.Delete(object)
}

func (m mirror) Replace(objects []any, resourceVersion string) error {
	defer m.replaced()
	return m.Store.Replace(objects, resourceVersion)
}
