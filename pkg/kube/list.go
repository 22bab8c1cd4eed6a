package kube

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/pager"
)

// pageSize is the number of objects asked for in one request, kubectl's own --chunk-size.
const pageSize = 500

// List returns every object of a paged list; page is a typed client's List method. When a continue token expires
// between two pages, the whole list is asked for once (only ListPager.List does that, not EachListItem).
func List[T any, L runtime.Object](ctx context.Context, options metav1.ListOptions,
	page func(context.Context, metav1.ListOptions) (L, error)) ([]T, error) {
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return page(ctx, options)
	})
	pages.PageSize = pageSize
	list, _, err := pages.List(ctx, options)
	if err != nil {
		return nil, err
	}
	var all []T
	err = meta.EachListItem(list, func(object runtime.Object) error {
		item, ok := object.(any).(*T)
		if !ok {
			return fmt.Errorf("list holds a %T", object)
		}
		all = append(all, *item)
		return nil
	})
	return all, err
}

// NotServed is the reason that Unavailable gives for a kind that is not part of the cluster.
const NotServed = "the cluster does not serve it"

// Unavailable tells whether err means that something cannot be looked at, rather than that it is not there: a right is
// missing, or the server does not serve the kind. The text says which, for a line such as "not checked: ...". Reading
// verbs go on with it; any other error is not theirs to hide.
func Unavailable(err error) (reason string, ok bool) {
	switch {
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return err.Error(), true
	case apierrors.IsNotFound(err), apierrors.IsMethodNotSupported(err):
		return NotServed, true
	}
	return "", false
}
