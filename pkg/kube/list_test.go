package kube

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func statusOf(code int32, message string) metav1.Status {
	return metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: metav1.StatusReasonUnknown, Message: message}
}

// pagedServer answers a list of pods in pages.
type pagedServer struct {
	pages map[string]page
	asked []string
}

// page is the answer to a continue token.
type page struct {
	pods []string
	next string
	err  error
}

func (s *pagedServer) List(_ context.Context, options metav1.ListOptions) (*corev1.PodList, error) {
	s.asked = append(s.asked, fmt.Sprintf("limit=%d continue=%s selector=%s", options.Limit, options.Continue, options.LabelSelector))
	key := options.Continue
	if options.Limit == 0 {
		key = "whole"
	}
	answer := s.pages[key]
	if answer.err != nil {
		return nil, answer.err
	}
	list := &corev1.PodList{ListMeta: metav1.ListMeta{Continue: answer.next}}
	for _, name := range answer.pods {
		list.Items = append(list.Items, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	return list, nil
}

func TestList(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no"))
	tests := []struct {
		name  string
		pages map[string]page
		want  string
		err   string
		asked []string
	}{
		{"one page", map[string]page{"": {pods: []string{"a", "b"}}}, "[a b]", "<nil>", []string{"limit=500 continue= selector=app=hello"}},
		{"none", map[string]page{"": {}}, "[]", "<nil>", []string{"limit=500 continue= selector=app=hello"}},
		{"several pages", map[string]page{"": {pods: []string{"a"}, next: "2"}, "2": {pods: []string{"b"}, next: "3"}, "3": {pods: []string{"c"}}}, "[a b c]", "<nil>",
			[]string{"limit=500 continue= selector=app=hello", "limit=500 continue=2 selector=app=hello", "limit=500 continue=3 selector=app=hello"}},
		{"a token that expires", map[string]page{"": {pods: []string{"a"}, next: "2"}, "2": {err: apierrors.NewResourceExpired("too old")}, "whole": {pods: []string{"a", "b", "c"}}},
			"[a b c]", "<nil>",
			[]string{"limit=500 continue= selector=app=hello", "limit=500 continue=2 selector=app=hello", "limit=0 continue= selector=app=hello"}},
		{"forbidden", map[string]page{"": {err: forbidden}}, "[]", `pods is forbidden: no`, []string{"limit=500 continue= selector=app=hello"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := &pagedServer{pages: test.pages}
			pods, err := List[corev1.Pod](t.Context(), metav1.ListOptions{LabelSelector: "app=hello"}, server.List)
			names := []string{}
			for _, pod := range pods {
				names = append(names, pod.Name)
			}
			if fmt.Sprint(names) != test.want || fmt.Sprint(err) != test.err || fmt.Sprintf("%q", server.asked) != fmt.Sprintf("%q", test.asked) {
				t.Errorf("got  %v, %v, asked %q\nwant %v, %v, asked %q", names, err, server.asked, test.want, test.err, test.asked)
			}
		})
	}
}

func TestListOfAnotherKind(t *testing.T) {
	server := &pagedServer{pages: map[string]page{"": {pods: []string{"a"}}}}
	if services, err := List[corev1.Service](t.Context(), metav1.ListOptions{}, server.List); err == nil || err.Error() != "list holds a *v1.Pod" {
		t.Errorf("got %v, %v", services, err)
	}
}

func TestUnavailable(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		reason string
		want   bool
	}{
		{"no error", nil, "", false},
		{"forbidden", apierrors.NewForbidden(deployments, "", errors.New("no role")), "deployments.apps is forbidden: no role", true},
		{"unauthorized", apierrors.NewUnauthorized("who are you"), "who are you", true},
		{"not a kind of this cluster", apierrors.NewNotFound(deployments, ""), NotServed, true},
		{"not to be listed", apierrors.NewMethodNotSupported(deployments, "list"), NotServed, true},
		{"unreachable", apierrors.NewServiceUnavailable("starting"), "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if reason, got := Unavailable(test.err); reason != test.reason || got != test.want {
				t.Errorf("got %q, %v, want %q, %v", reason, got, test.reason, test.want)
			}
		})
	}
}
