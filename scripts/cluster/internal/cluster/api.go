package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/render"
)

// api reads from kube-apiserver as the administrator.
type api struct{ http *http.Client }

func newAPI(p layout.Paths) (*api, error) {
	ca, err := os.ReadFile(p.PKI("ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	cert, err := tls.LoadX509KeyPair(p.PKI("admin.crt"), p.PKI("admin.key"))
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}},
		// Each request makes its own connection: a kept one would tell nothing about a restarted server.
		DisableKeepAlives: true,
	}
	return &api{&http.Client{Transport: transport, Timeout: 5 * time.Second}}, nil
}

// get reads path into the JSON value, or only checks the answer when into is nil.
func (a *api) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, render.Server()+path, nil)
	if err != nil {
		return err
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(body, into)
}

// ready checks that the API server says that it is ready.
func (a *api) ready(ctx context.Context) error { return a.get(ctx, "/readyz", nil) }

// nodeList is the part of a v1 NodeList that is used here.
type nodeList struct {
	Items []struct {
		Metadata struct{ Name string }
		Status   struct{ Conditions []nodeCondition }
	}
}

// nodeCondition is the part of a v1 NodeCondition that is used here.
type nodeCondition struct {
	Type, Status, Reason, Message string
	// LastHeartbeatTime is when the kubelet last said so, in whole seconds.
	LastHeartbeatTime time.Time
}

// ready returns a node's Ready condition, or false when the node has not registered.
func (l nodeList) ready(name string) (nodeCondition, bool) {
	for _, n := range l.Items {
		if n.Metadata.Name != name {
			continue
		}
		for _, c := range n.Status.Conditions {
			if c.Type == "Ready" {
				return c, true
			}
		}
	}
	return nodeCondition{}, false
}

// checkReady says why a node is not Ready, going by what its kubelet has said at the given time or later: a node that
// is powered off stays Ready for a while by its last word.
func (l nodeList) checkReady(name string, since time.Time) error {
	c, ok := l.ready(name)
	switch {
	case !ok:
		return fmt.Errorf("node %q has not registered", name)
	case c.LastHeartbeatTime.Before(since.Truncate(time.Second)):
		return fmt.Errorf("node %q has not reported since %s", name, since.Format(time.TimeOnly))
	case c.Status != "True":
		return fmt.Errorf("node %q is not Ready: %s: %s", name, c.Reason, c.Message)
	}
	return nil
}

// nodes lists the cluster's nodes.
func (a *api) nodes(ctx context.Context) (nodeList, error) {
	var list nodeList
	err := a.get(ctx, "/api/v1/nodes", &list)
	return list, err
}

// nodesReady checks that every named node is Ready by what its kubelet has said at the given time or later.
func (a *api) nodesReady(ctx context.Context, since time.Time, names ...string) error {
	list, err := a.nodes(ctx)
	if err != nil {
		return err
	}
	var missing []error
	for _, name := range names {
		missing = append(missing, list.checkReady(name, since))
	}
	return errors.Join(missing...)
}

// serviceAccountExists checks that pods can be created in the default namespace.
func (a *api) serviceAccountExists(ctx context.Context) error {
	return a.get(ctx, "/api/v1/namespaces/default/serviceaccounts/default", nil)
}
