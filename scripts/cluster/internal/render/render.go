// Package render turns the layout into the components' configuration files and command lines. It does no I/O.
package render

import (
	"embed"
	"encoding/base64"
	"fmt"
	"strings"
	"text/template"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
)

//go:embed templates/*.tmpl
var files embed.FS

var templates = template.Must(template.ParseFS(files, "templates/*.tmpl"))

func execute(name string, data any) (string, error) {
	var out strings.Builder
	if err := templates.ExecuteTemplate(&out, name, data); err != nil {
		return "", fmt.Errorf("cannot render %s: %w", name, err)
	}
	return out.String(), nil
}

// clusterDNS is the address that clusters usually give their DNS Service.
const clusterDNS = "10.96.0.10"

// Node returns the configuration files of one node by file name: kubelet.yaml, kube-proxy.yaml, containerd.toml and
// cni/10-pods.conflist.
func Node(paths layout.Paths, index int) (map[string]string, error) {
	node := paths.Node(index)
	data := map[string]string{
		"NodeName":    layout.NodeName(index),
		"NodeIP":      layout.NodeIP(index),
		"NodePodCIDR": layout.NodePodCIDR(index),
		"PodCIDR":     layout.PodCIDR,
		"ClusterDNS":  clusterDNS,
		"CA":          paths.PKI("ca.crt"),
		"Cert":        paths.PKI(layout.NodeName(index) + ".crt"),
		"Key":         paths.PKI(layout.NodeName(index) + ".key"),
		"Kubeconfig":  paths.Kubeconfig("kube-proxy"),
		"Socket":      node.Socket(),
		"Cgroup":      layout.NodeCgroup(index),
		"Disk":        node.Disk,
		"Run":         node.Run,
		"PauseImage":  layout.PauseImage,
	}
	out := map[string]string{}
	for file, name := range map[string]string{
		"kubelet.yaml":         "kubelet.yaml.tmpl",
		"kube-proxy.yaml":      "kube-proxy.yaml.tmpl",
		"containerd.toml":      "containerd.toml.tmpl",
		"cni/10-pods.conflist": "cni.conflist.tmpl",
	} {
		text, err := execute(name, data)
		if err != nil {
			return nil, err
		}
		out[file] = text
	}
	return out, nil
}

// Kubeconfig returns a kubeconfig that carries its certificates, given in PEM, so that it can be copied.
func Kubeconfig(user string, ca, cert, key []byte) (string, error) {
	return execute("kubeconfig.yaml.tmpl", map[string]string{
		"Server": Server(),
		"User":   user,
		"CA":     base64.StdEncoding.EncodeToString(ca),
		"Cert":   base64.StdEncoding.EncodeToString(cert),
		"Key":    base64.StdEncoding.EncodeToString(key),
	})
}

// Server is kube-apiserver's URL.
func Server() string {
	return fmt.Sprintf("https://%s:%d", layout.ControlPlaneIP, layout.APIServerPort)
}
