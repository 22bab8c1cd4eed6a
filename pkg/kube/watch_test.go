package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

var (
	podKind   = schema.GroupResource{Resource: "pods"}
	forbidden = apierrors.NewForbidden(podKind, "", errors.New("no role"))
)

// server is an API server with pods. It can go away and come back, and refuse.
type server struct {
	mu      sync.Mutex
	pods    map[string]corev1.Pod
	version int
	watches []*watch.RaceFreeFakeWatcher
	// noList and noWatch are the answers to those requests.
	noList, noWatch error
	asked           []string
}

func newServer(names ...string) *server {
	s := &server{pods: map[string]corev1.Pod{}, version: 1}
	for _, name := range names {
		s.create(name)
	}
	return s
}

func (s *server) List(_ context.Context, options metav1.ListOptions) (*corev1.PodList, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, fmt.Sprintf("list %q %q version %q", options.LabelSelector, options.FieldSelector, options.ResourceVersion))
	if s.noList != nil {
		return nil, s.noList
	}
	list := &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: fmt.Sprint(s.version)}}
	for _, pod := range s.pods {
		list.Items = append(list.Items, pod)
	}
	return list, nil
}

// Watch tells of every pod there is, whatever version the client knows: it has to bear that.
func (s *server) Watch(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, fmt.Sprintf("watch %q %q version %q", options.LabelSelector, options.FieldSelector, options.ResourceVersion))
	if s.noWatch != nil {
		return nil, s.noWatch
	}
	w := watch.NewRaceFreeFake()
	for _, pod := range s.pods {
		w.Modify(&pod)
	}
	s.watches = append(s.watches, w)
	return w, nil
}

func (s *server) create(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", ResourceVersion: fmt.Sprint(s.version)}}
	s.pods[name] = pod
	for _, w := range s.watches {
		w.Add(&pod)
	}
}

func (s *server) delete(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	pod := s.pods[name]
	delete(s.pods, name)
	for _, w := range s.watches {
		w.Delete(&pod)
	}
}

// answer makes the server answer with errors from now on, after all watches have ended.
func (s *server) answer(noList, noWatch error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noList, s.noWatch = noList, noWatch
	for _, w := range s.watches {
		w.Stop()
	}
	s.watches = nil
}

func podStore(s *server) *Store[corev1.Pod] { return NewStore[corev1.Pod](s, metav1.ListOptions{}) }

func namesOf(store *Store[corev1.Pod]) string {
	var names []string
	for _, pod := range store.Items() {
		names = append(names, pod.Name)
	}
	slices.Sort(names)
	return fmt.Sprint(names)
}

func TestUntilSeesEveryChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer("a")
		store := podStore(s)
		changes := map[string]func(){"[a]": func() { s.create("b") }, "[a b]": func() { s.delete("a") }}
		var saw []string
		start := time.Now()
		err := Until(t.Context(), func() (bool, error) {
			now := namesOf(store)
			if change, ok := changes[now]; ok {
				delete(changes, now)
				saw = append(saw, now)
				change()
			}
			return now == "[b]", nil
		}, store)
		if want := "[[a] [a b]]"; err != nil || fmt.Sprint(saw) != want || time.Since(start) != 0 {
			t.Errorf("saw %v and then [b] after %s, %v, want %v at once", saw, time.Since(start), err, want)
		}
	})
}

func TestUntilChecksEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := Until(t.Context(), func() (bool, error) { return time.Since(start) >= 2*time.Second, nil }, podStore(newServer("a")))
		if took := time.Since(start); err != nil || took != 2*time.Second {
			t.Errorf("got %v after %s", err, took)
		}
	})
}

func TestUntilReadsAllSourcesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fast, slow := newServer("a"), newServer("b")
		slow.answer(apierrors.NewServiceUnavailable("starting"), nil)
		time.AfterFunc(3*time.Second, func() { slow.answer(nil, nil) })
		first, second := podStore(fast), podStore(slow)
		var saw string
		err := Until(t.Context(), func() (bool, error) {
			saw = namesOf(first) + namesOf(second)
			return true, nil
		}, first, second)
		if want := "[a][b]"; err != nil || saw != want {
			t.Errorf("saw %v, %v, want %v", saw, err, want)
		}
	})
}

func TestUntilEnds(t *testing.T) {
	refused := errors.Join(syscall.ECONNREFUSED)
	tests := []struct {
		name            string
		noList, noWatch error
		check           error
		want            string
		code            exit.Code
		after           time.Duration
	}{
		{name: "the check fails", check: exit.Errorf(exit.Refused, "no"), want: "no", code: exit.Refused},
		{name: "the deadline passes", want: "context deadline exceeded", code: exit.TimedOut, after: time.Minute},
		{name: "the deadline passes while nothing can be read", noList: apierrors.NewServiceUnavailable("starting"),
			want: "context deadline exceeded (the API server could not be watched: starting)", code: exit.TimedOut, after: time.Minute},
		{name: "the deadline passes while nothing can be watched", noWatch: refused,
			want: "context deadline exceeded (the API server could not be watched: connection refused)", code: exit.TimedOut, after: time.Minute},
		{name: "no right to list", noList: forbidden, want: "pods is forbidden: no role", code: exit.Unreachable},
		{name: "no right to watch", noWatch: forbidden, want: "pods is forbidden: no role", code: exit.Unreachable},
		{name: "a kind that the cluster lacks", noList: apierrors.NewNotFound(podKind, ""), want: `pods "" not found`, code: exit.Usage},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				s := newServer("a")
				s.answer(test.noList, test.noWatch)
				start := time.Now()
				err := Until(ctx, func() (bool, error) { return false, test.check }, podStore(s))
				if fmt.Sprint(err) != test.want || exit.CodeOf(err) != test.code || time.Since(start) != test.after {
					t.Errorf("got  %v (exit code %d) after %s\nwant %s (exit code %d) after %s", err, exit.CodeOf(err), time.Since(start), test.want, test.code, test.after)
				}
			})
		})
	}
}

func TestUntilIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := newServer()
		s.answer(apierrors.NewServiceUnavailable("starting"), nil)
		time.AfterFunc(3*time.Second, cancel)
		start := time.Now()
		err := Until(ctx, func() (bool, error) { return true, nil }, podStore(s))
		if err != context.Canceled || time.Since(start) != 3*time.Second {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
	})
}

// TestUntilOutlivesTheServer takes the API server away: nothing may be concluded from the old state, and its return is
// seen within seconds.
func TestUntilOutlivesTheServer(t *testing.T) {
	tests := []struct {
		name  string
		away  error
		since time.Duration
	}{
		{"connections are refused", syscall.ECONNREFUSED, time.Minute},
		{"it is starting", apierrors.NewServiceUnavailable("starting"), time.Minute},
		{"it has not read its roles yet", forbidden, 8 * time.Second},
		{"the credentials are being renewed", apierrors.NewUnauthorized("token expired"), 8 * time.Second},
		{"it has forgotten the version", apierrors.NewResourceExpired("too old"), time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer("a")
				store := podStore(s)
				gone := time.Now().Add(10 * time.Second)
				back := gone.Add(test.since)
				time.AfterFunc(time.Until(gone), func() { s.answer(test.away, test.away) })
				time.AfterFunc(time.Until(back), func() {
					s.create("b")
					s.answer(nil, nil)
				})
				var during []time.Duration
				err := Until(t.Context(), func() (bool, error) {
					// The end of the watch is noticed within a moment.
					if now := time.Now(); now.After(gone.Add(2*time.Second)) && now.Before(back) {
						during = append(during, now.Sub(gone))
					}
					return namesOf(store) == "[a b]", nil
				}, store)
				if err != nil || len(during) > 0 || time.Since(back) > 8*time.Second {
					t.Errorf("got %v, checks while it was away at %v, its return was seen after %s", err, during, time.Since(back))
				}
			})
		})
	}
}

func TestUntilGivesUpALostRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer("a")
		time.AfterFunc(10*time.Second, func() { s.answer(forbidden, forbidden) })
		start := time.Now()
		err := Until(t.Context(), func() (bool, error) { return false, nil }, podStore(s))
		if took := time.Since(start).Round(time.Second); !apierrors.IsForbidden(err) || took < 20*time.Second || took > 30*time.Second {
			t.Errorf("got %v after %s", err, took)
		}
	})
}

// TestStoreAsksForTheLatest matters after a write: the API server's cache may be older.
func TestStoreAsksForTheLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer("a")
		store := NewStore[corev1.Pod](s, metav1.ListOptions{LabelSelector: "app=hello", FieldSelector: "metadata.name=a"})
		err := Until(t.Context(), func() (bool, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.asked) == 2, nil
		}, store)
		want := []string{`list "app=hello" "metadata.name=a" version ""`, `watch "app=hello" "metadata.name=a" version "2"`}
		if err != nil || !slices.Equal(s.asked, want) {
			t.Errorf("asked %q, %v, want %q", s.asked, err, want)
		}
	})
}

func TestStoreOverTheFakeClientset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pods := fake.NewClientset(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "shop"}}).CoreV1().Pods("shop")
		store := NewStore[corev1.Pod](pods, metav1.ListOptions{})
		time.AfterFunc(3*time.Second, func() {
			_, _ = pods.Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: "shop"}}, metav1.CreateOptions{})
		})
		if err := Until(t.Context(), func() (bool, error) { return namesOf(store) == "[a b]", nil }, store); err != nil {
			t.Error(err)
		}
	})
}
