package release

import (
	"errors"
	"fmt"
	"regexp"
	"sync"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"
)

var leaseKind = schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}

// leaseServer keeps one Lease as an API server does, resource versions and preconditions included, which the fake
// clientset's tracker does not.
type leaseServer struct {
	*fake.Clientset
	mu      sync.Mutex
	lease   *coordinationv1.Lease
	version int
	verbs   []string
	// away is the answer to everything while it is set; lost is the answer to the next request of its verb, which is
	// carried out all the same.
	away error
	lost map[string]error
}

func newLeaseServer() *leaseServer {
	s := &leaseServer{Clientset: fake.NewClientset(), lost: map[string]error{}}
	s.PrependReactor("*", "leases", func(action clienttesting.Action) (bool, runtime.Object, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.away != nil {
			return true, nil, s.away
		}
		s.verbs = append(s.verbs, action.GetVerb())
		object, err := s.answer(action)
		if lost, ok := s.lost[action.GetVerb()]; ok {
			delete(s.lost, action.GetVerb())
			return true, nil, lost
		}
		return true, object, err
	})
	return s
}

func (s *leaseServer) answer(action clienttesting.Action) (runtime.Object, error) {
	conflict := apierrors.NewConflict(leaseKind, "kubectl-switchyard-service-hello", errors.New("the object has been modified"))
	switch action := action.(type) {
	case clienttesting.CreateActionImpl:
		if s.lease != nil {
			return nil, apierrors.NewAlreadyExists(leaseKind, s.lease.Name)
		}
		return s.put(action.Object), nil
	case clienttesting.UpdateActionImpl:
		given := action.Object.(*coordinationv1.Lease)
		if s.lease == nil && given.UID != "" || s.lease != nil && given.ResourceVersion != s.lease.ResourceVersion {
			return nil, conflict
		}
		return s.put(given), nil // a Lease is created by an update, too
	case clienttesting.DeleteActionImpl:
		want := action.DeleteOptions.Preconditions
		if s.lease == nil {
			return nil, apierrors.NewNotFound(leaseKind, action.Name)
		}
		if *want.UID != s.lease.UID || *want.ResourceVersion != s.lease.ResourceVersion {
			return nil, conflict
		}
		s.lease = nil
		return nil, nil
	}
	if s.lease == nil {
		return nil, apierrors.NewNotFound(leaseKind, "kubectl-switchyard-service-hello")
	}
	return s.lease.DeepCopy(), nil
}

func (s *leaseServer) put(object runtime.Object) *coordinationv1.Lease {
	lease := object.(*coordinationv1.Lease).DeepCopy()
	s.version++
	if s.lease == nil {
		lease.UID = types.UID(fmt.Sprintf("uid-%d", s.version))
	} else {
		lease.UID = s.lease.UID
	}
	lease.ResourceVersion = fmt.Sprint(s.version)
	s.lease = lease
	return lease.DeepCopy()
}

// holds puts a lease there, "" for none.
func (s *leaseServer) holds(t *testing.T, text string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if text == "" {
		s.lease = nil
		return
	}
	s.put(object[coordinationv1.Lease](t, text))
}

func (s *leaseServer) set(away error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// text is the lease as YAML, "" for none, with the random part of the holder masked.
func (s *leaseServer) text(t *testing.T) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lease == nil {
		return ""
	}
	out, err := yaml.Marshal(s.lease)
	if err != nil {
		t.Fatal(err)
	}
	return masked(string(out))
}

var randomID = regexp.MustCompile(`(@[a-z]+)/[0-9a-f]{8}\b`)

func masked(text string) string { return randomID.ReplaceAllString(text, "$1/ID") }

// object reads a Kubernetes object from YAML; an unknown field fails the test.
func object[T any](t *testing.T, text string) *T {
	t.Helper()
	out := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), out); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return out
}
