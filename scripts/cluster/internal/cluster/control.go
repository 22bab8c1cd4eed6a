package cluster

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/pki"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/render"
)

const (
	etcd              = "etcd"
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	scheduler         = "kube-scheduler"
)

// apiServerTimeout bounds the wait for a starting API server; a busy machine takes 20 s.
const apiServerTimeout = 2 * time.Minute

// issueCertificates writes every certificate, key and kubeconfig of the cluster.
func (s *session) issueCertificates() error {
	ca, err := pki.NewAuthority(filepath.Dir(s.paths.PKI("ca.crt")))
	if err != nil {
		return err
	}
	if err := pki.NewKey(s.paths.PKI("service-account.key")); err != nil {
		return err
	}
	if err := ca.Issue(apiServer, pki.Subject{
		CommonName: apiServer,
		IPs:        []string{layout.ControlPlaneIP, layout.KubernetesServiceIP, "127.0.0.1"},
		Names: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc.cluster.local"},
	}); err != nil {
		return err
	}
	masters := []string{"system:masters"}
	if err := ca.Issue("kube-apiserver-kubelet-client", pki.Subject{CommonName: "kube-apiserver-kubelet-client", Organization: masters}); err != nil {
		return err
	}
	users := map[string]pki.Subject{
		"admin":           {CommonName: "kubernetes-admin", Organization: masters},
		controllerManager: {CommonName: "system:kube-controller-manager"},
		scheduler:         {CommonName: "system:kube-scheduler"},
		"kube-proxy":      {CommonName: "system:kube-proxy"},
	}
	if s.st.Router != "" {
		users[router] = pki.Subject{CommonName: "switchyard-router", Organization: masters}
	}
	for _, n := range s.st.Nodes {
		users[n.Name] = pki.Subject{
			CommonName:   "system:node:" + n.Name,
			Organization: []string{"system:nodes"},
			IPs:          []string{layout.NodeIP(n.Index)},
			Names:        []string{n.Name},
		}
	}
	for name, subject := range users {
		if err := ca.Issue(name, subject); err != nil {
			return err
		}
		if err := s.writeKubeconfig(name); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) writeKubeconfig(name string) error {
	var pem [3][]byte
	for i, file := range []string{"ca.crt", name + ".crt", name + ".key"} {
		data, err := os.ReadFile(s.paths.PKI(file))
		if err != nil {
			return err
		}
		pem[i] = data
	}
	text, err := render.Kubeconfig(name, pem[0], pem[1], pem[2])
	if err != nil {
		return err
	}
	return os.WriteFile(s.paths.Kubeconfig(name), []byte(text), 0o600)
}

// startStore starts etcd and kube-apiserver, which waits for etcd by itself.
func (s *session) startStore() error {
	if err := s.startControl(etcd, render.Etcd(s.paths)); err != nil {
		return err
	}
	return s.startControl(apiServer, render.APIServer(s.paths))
}

// startControllers starts what needs a ready API server: started earlier, it would only wait and take its time.
func (s *session) startControllers() error {
	if err := s.startControl(controllerManager, render.ControllerManager(s.paths)); err != nil {
		return err
	}
	return s.startControl(scheduler, render.Scheduler(s.paths))
}

func (s *session) startControl(name string, args []string) error {
	return s.start(name, layout.ControlPlane, render.Launch{}, filepath.Join(s.st.Binaries, name), args...)
}

// waitAPIServer waits until the API server is ready.
func (s *session) waitAPIServer(ctx context.Context, client *api) error {
	return s.waitFor(ctx, "kube-apiserver is not ready", apiServerTimeout, client.ready)
}
