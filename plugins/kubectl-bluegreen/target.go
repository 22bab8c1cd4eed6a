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
	p, err := findPair(w, w.service(client.Namespace, names[0]), key)
	if err != nil {
		return nil, nil, err
	}
	if first := primaryOf(w, p, names); first != p.Primary {
		if p, err = findPair(w, first, key); err != nil {
			return nil, nil, err
		}
	}
	return w, p, p.only(names)
}

// primaryOf returns the Service that carries the journal of the pair: the same one whichever of its Services is named. It
// is the one with a release in progress, else the first by name of those that move.
func primaryOf(w *world, p *pair, names []string) *corev1.Service {
	for i := range w.Services {
		other := &w.Services[i]
		record, err := release.ReadRecord(other.Annotations)
		of := func(name string) bool { return err == nil && record != nil && slices.Contains(record.Services, name) }
		if other.Namespace == p.Primary.Namespace && slices.ContainsFunc(append(names, p.Primary.Name), of) {
			return other
		}
	}
	if len(names) > 1 {
		return w.service(p.Primary.Namespace, slices.Min(names))
	}
	return w.service(p.Primary.Namespace, p.LockName)
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
