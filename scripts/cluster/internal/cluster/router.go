package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/host"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/render"
)

const router = "router"

var routerURL = fmt.Sprintf("http://%s:%d", layout.RouterIP, layout.RouterPort)

// startRouter installs the Gateway API and starts the router, when one is wanted, and waits until it has taken the
// Gateway over and answers.
func (s *session) startRouter(ctx context.Context, client *api) error {
	if s.st.Router == "" {
		return nil
	}
	s.report.Step("installing the Gateway API and starting the router")
	if err := s.apply(ctx, s.st.RouterCRDs); err != nil {
		return err
	}
	text, err := render.RouterManifests()
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.paths.RouterManifests(), []byte(text), 0o644); err != nil {
		return err
	}
	// A definition is served a moment after it is created.
	err = s.waitFor(ctx, "the Gateway API is not served", apiServerTimeout, func(ctx context.Context) error {
		return s.apply(ctx, s.paths.RouterManifests())
	})
	if err != nil {
		return err
	}
	args := append([]string{"KUBECONFIG=" + s.paths.Kubeconfig(router), s.st.Router}, render.Router()...)
	if err := s.start(router, layout.ControlPlane, render.Launch{}, "env", args...); err != nil {
		return err
	}
	return s.waitFor(ctx, "the router is not ready", apiServerTimeout, func(ctx context.Context) error {
		return errors.Join(routerAnswers(ctx), client.gatewayProgrammed(ctx))
	})
}

// apply sends manifests to the API server. Server-side, because the Gateway API's definitions are too large for the
// annotation that the other way writes.
func (s *session) apply(ctx context.Context, path string) error {
	_, err := host.Run(ctx, filepath.Join(s.st.Binaries, "kubectl"), "--kubeconfig="+s.paths.Kubeconfig("admin"),
		"apply", "--server-side", "--filename="+path)
	return err
}

func routerAnswers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, routerURL, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// gatewayProgrammed checks that the router has taken the Gateway over.
func (a *api) gatewayProgrammed(ctx context.Context) error {
	var gateway struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	path := fmt.Sprintf("/apis/gateway.networking.k8s.io/v1/namespaces/%s/gateways/%s", layout.RouterNamespace, layout.RouterGateway)
	if err := a.get(ctx, path, &gateway); err != nil {
		return err
	}
	for _, c := range gateway.Status.Conditions {
		if c.Type == "Programmed" {
			if c.Status == "True" {
				return nil
			}
			return fmt.Errorf("gateway %q is not programmed: %s", layout.RouterGateway, c.Message)
		}
	}
	return fmt.Errorf("gateway %q is not programmed yet", layout.RouterGateway)
}
