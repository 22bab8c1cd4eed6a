// Package kube is the plugins' way to the API server: clients made from kubectl's flags, paged lists, watches that
// survive a restart of the API server, conditional writes, and errors that say what exists.
package kube

import (
	"fmt"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

// Manager is the field manager that every write is recorded under.
const Manager = "kubectl-switchyard"

// Client-side rate limits, in requests per second: a verb fans a handful of requests out at once and must not wait for
// client-go's default of 5, and one plugin must not be able to press a control plane either.
const (
	queriesPerSecond = 50
	burst            = 100
)

// Client holds everything a verb needs to talk to one cluster.
type Client struct {
	// Typed reads and writes the built-in kinds.
	Typed kubernetes.Interface
	// Watching is Typed without --request-timeout, which would cut every watch.
	Watching kubernetes.Interface
	// Dynamic reads and writes objects whole, fields that this build does not know included.
	Dynamic dynamic.Interface
	// Namespace is the one asked for: by -n, else by the kubeconfig's context, else "default".
	Namespace string

	skew *skew
}

// New makes the clients for the cluster that flags name. The error has exit code 2 when the kubeconfig or the context
// cannot be used; no request is made.
func New(flags *genericclioptions.ConfigFlags) (*Client, error) {
	namespace, _, err := flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, exit.Errorf(exit.Usage, "read the kubeconfig: %w", err)
	}
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, exit.Errorf(exit.Usage, "read the kubeconfig: %w", err)
	}
	return newForConfig(config, namespace)
}

// newForConfig makes the clients on one shared transport, so that a verb opens one connection.
func newForConfig(config *rest.Config, namespace string) (*Client, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = queriesPerSecond, burst
	ahead := &skew{}
	config.Wrap(ahead.observing)
	patient := rest.CopyConfig(config)
	patient.Timeout = 0
	dynamicClient, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	asProtobuf(config)
	asProtobuf(patient)
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	watching, err := kubernetes.NewForConfig(patient)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return &Client{Typed: typed, Watching: watching, Dynamic: dynamicClient, Namespace: namespace, skew: ahead}, nil
}

// asProtobuf asks for the compact encoding, which halves the cost of a list of thousands of pods; a server that cannot
// speak it answers in JSON.
func asProtobuf(config *rest.Config) {
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	config.ContentType = "application/vnd.kubernetes.protobuf"
}
