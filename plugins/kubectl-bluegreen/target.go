package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

// servicePrefixes are the ways to write a Service as TYPE/NAME.
var servicePrefixes = []string{"svc", "service", "services"}

// parseServices returns the Service names in args, each NAME or TYPE/NAME.
func parseServices(args []string) ([]string, error) {
	var names []string
	for _, arg := range args {
		kind, name, typed := strings.Cut(arg, "/")
		if !typed {
			kind, name = "service", arg
		}
		if !slices.Contains(servicePrefixes, strings.ToLower(kind)) || name == "" {
			return nil, exit.Errorf(exit.Usage, "%q is no Service; write NAME or svc/NAME", arg)
		}
		names = append(names, name)
	}
	return names, nil
}

// readPair reads the namespace and works out what is released when the first of the named Services is; with more than
// one name only these move.
func readPair(ctx context.Context, client *kube.Client, names []string, key string) (*world, *pair, error) {
	w, err := readWorld(ctx, client, client.Namespace, "")
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		if w.service(client.Namespace, name) == nil {
			return nil, nil, kube.NotFound("Service", name, client.Namespace, w.serviceNames(client.Namespace))
		}
	}
	p, err := findPair(w, journalled(w, client.Namespace, names[0]), key)
	if err != nil {
		return nil, nil, err
	}
	return w, p, p.only(names)
}

// journalled returns the Service that carries the journal of the release which the named one takes part in, else the
// named one itself.
func journalled(w *world, namespace, name string) *corev1.Service {
	named := w.service(namespace, name)
	for i := range w.Services {
		other := &w.Services[i]
		record, err := release.ReadRecord(other.Annotations)
		if other.Namespace == namespace && err == nil && record != nil && slices.Contains(record.Services, name) && named.Annotations[release.AnnotationRelease] == "" {
			return other
		}
	}
	return named
}

// needService answers a verb without a Service with the ones that there are.
func needService(ctx context.Context, client *kube.Client) error {
	w, err := readWorld(ctx, client, client.Namespace, "")
	if err != nil {
		return err
	}
	var found []string
	for i := range w.Services {
		if _, err := findPair(w, &w.Services[i], ""); err == nil && !isPreview(&w.Services[i]) {
			found = append(found, w.Services[i].Name)
		}
	}
	if len(found) == 0 {
		return exit.Errorf(exit.Usage, "name a Service; none in namespace %q leads to a Deployment", client.Namespace)
	}
	return exit.Errorf(exit.Usage, "name a Service; in namespace %q there is %s", client.Namespace, strings.Join(found, ", "))
}

// completeServices completes the names of the namespace's Services.
func completeServices(env *cli.Env) cobra.CompletionFunc {
	return cli.CompleteNames(func(ctx context.Context) ([]string, error) {
		client, err := kube.New(env.Config)
		if err != nil {
			return nil, err
		}
		services, err := kube.List[corev1.Service](ctx, metav1.ListOptions{}, client.Typed.CoreV1().Services(client.Namespace).List)
		var names []string
		for _, service := range services {
			names = append(names, service.Name)
		}
		return names, err
	})
}
