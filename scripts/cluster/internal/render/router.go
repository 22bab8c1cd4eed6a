package render

import (
	"fmt"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
)

// RouterManifests returns the objects that make the router the Gateway and the Ingress controller of the cluster: a
// Gateway that takes routes of every namespace, and the IngressClass "nginx".
func RouterManifests() (string, error) {
	return execute("router.yaml.tmpl", map[string]any{
		"Namespace": layout.RouterNamespace, "Gateway": layout.RouterGateway, "Port": layout.RouterPort,
	})
}

// Router returns Traefik's arguments: an entry point on loopback, fed by Gateway API routes and by Ingresses with the
// annotations of ingress-nginx. It sends nothing to anybody.
func Router() []string {
	return []string{
		fmt.Sprintf("--entrypoints.web.address=%s:%d", layout.RouterIP, layout.RouterPort),
		"--providers.kubernetesgateway=true",
		"--providers.kubernetesgateway.statusaddress.ip=" + layout.RouterIP,
		"--providers.kubernetesingressnginx=true",
		"--providers.kubernetesingressnginx.publishstatusaddress=" + layout.RouterIP,
		"--global.checknewversion=false",
		"--global.sendanonymoususage=false",
		"--log.level=INFO",
	}
}
