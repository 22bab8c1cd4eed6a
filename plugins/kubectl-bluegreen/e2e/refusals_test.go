package e2e_test

import (
	"strings"
	"testing"

	"github.com/kubectl-switchyard/switchyard/scripts/e2e"
)

// refusal is a situation in which a verb must not do what it is asked for.
type refusal struct {
	name string
	// yaml is what is there, waited for as far as it can become ready.
	yaml string
	// shell is what has happened to it since, with kubectl's own commands.
	shell string
	// command, with stdin, is refused with the whole text on stderr, in which NAMESPACE stands for the namespace's name.
	command, stdin, stderr string
	// accepted is added to the command by somebody who accepts the risk; then it must succeed. Empty when nothing helps.
	accepted string
}

var refusals = []refusal{{
	name:    "idle side not available",
	yaml:    blue + "---" + strings.ReplaceAll(green, "demoapp:v2", "demoapp:unready"),
	command: "switch hello --yes",
	stderr: `error: switch to version=green refused: service hello would select app=hello,version=green: 2 pods, of which 0 of 2 are available; nothing was changed
`,
}, {
	name:    "idle side smaller than the active one",
	yaml:    blue + "---" + green,
	shell:   "kubectl scale deployment hello-green --replicas=1; kubectl rollout status deployment hello-green",
	command: "switch hello --yes",
	stderr: `error: switch to version=green refused: deployment hello-green has 1 replicas, the serving side has 2; nothing was changed
`,
}, {
	name: "one port that the idle side does not serve",
	yaml: strings.ReplaceAll(blue, "{name: http, containerPort: 8080}", "{name: http, containerPort: 8080}, {name: admin, containerPort: 8081}") +
		"---" + green,
	shell:   `kubectl patch service hello -p '{"spec":{"ports":[{"name":"admin","port":81,"targetPort":"admin"}]}}'`,
	command: "switch hello --yes",
	stderr: `error: switch to version=green refused: port "admin" of service hello goes to the container port named "admin", which 2 of 2 pods do not declare; nothing was changed
`,
}, {
	// The EndpointSlice of such a side lists its pods with "ports: null", and nothing answers.
	name: "no port that the idle side serves",
	yaml: blue + "---" + strings.ReplaceAll(strings.ReplaceAll(green, "name: http", "name: web"), "port: http", "port: web"),
	shell: `kubectl create service clusterip look --tcp=80
		kubectl patch service look -p '{"spec":{"selector":{"app":"hello","version":"green"},"ports":[{"name":"80","port":80,"targetPort":"http"}]}}'
		for try in 1 2 3 4 5 6 7 8 9 10; do
			kubectl get endpointslices -l kubernetes.io/service-name=look -o json | grep '"ports": null' && break; sleep 0.3
		done
		kubectl get endpointslices -l kubernetes.io/service-name=look -o json | grep '"ports": null'`,
	command: "switch hello --yes",
	stderr: `error: switch to version=green refused: port "http" of service hello goes to the container port named "http", which 2 of 2 pods do not declare; nothing was changed
`,
}, {
	name:    "neither readiness probe nor minReadySeconds, switch",
	yaml:    blue + "---" + strings.ReplaceAll(green, "        readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1}\n", ""),
	command: "switch hello --yes",
	stderr: `error: switch to version=green refused: deployment hello-green has neither a readinessProbe nor minReadySeconds, so its pods count as ready before they can answer (--allow-unprobed accepts that); nothing was changed
`,
	accepted: "--allow-unprobed",
}, {
	name:    "neither readiness probe nor minReadySeconds, run",
	yaml:    strings.ReplaceAll(blue, "        readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1}\n", ""),
	command: "run hello --image localhost/demoapp:v2 --soak=0s --yes",
	stderr: `error: run refused: deployment hello-green has neither a readinessProbe nor minReadySeconds, so its pods count as ready before they can answer (--allow-unprobed accepts that); nothing was changed
`,
	accepted: "--allow-unprobed",
}, {
	name:    "no room in the quota",
	yaml:    blue,
	shell:   "kubectl create quota small --hard=pods=3; kubectl wait --for=jsonpath='{.status.used.pods}'=2 resourcequota/small",
	command: "run hello --image localhost/demoapp:v2 --yes",
	stderr: `error: there is no room for 2 more pods of hello-green: ResourceQuota "small": 2 more pods need 2 of pods, and 1 of 3 is left; nothing was changed
`,
}, {
	name:    "a request larger than any node",
	yaml:    blue,
	command: "prepare hello -f - --yes",
	stdin:   strings.ReplaceAll(green, "image:", "resources: {requests: {cpu: 1000}}\n        image:"),
	stderr: `error: there is no room for 2 more pods of hello-green: the nodes have room for 0 of 2 more pods (cpu 1k each): of 2 nodes, 2 short of cpu; nothing was changed
`,
}, {
	name:    "Service of Argo CD",
	yaml:    blue + "---" + green,
	shell:   `kubectl annotate service hello argocd.argoproj.io/tracking-id=shop:/Service:NAMESPACE/hello`,
	command: "switch hello --yes",
	stderr: `error: switch to version=green refused: service hello is managed by Argo CD (annotation argocd.argoproj.io/tracking-id=shop:/Service:NAMESPACE/hello), which would put its selector back; commit this change instead, or pass --allow-gitops: spec.selector.version: green; nothing was changed
`,
	accepted: "--allow-gitops",
}, {
	name:    "Service of Flux",
	yaml:    blue + "---" + green,
	shell:   `kubectl label service hello kustomize.toolkit.fluxcd.io/name=shop kustomize.toolkit.fluxcd.io/namespace=flux-system`,
	command: "switch hello --yes",
	stderr: `error: switch to version=green refused: service hello is managed by Flux (label kustomize.toolkit.fluxcd.io/name=shop), which would put its selector back; commit this change instead, or pass --allow-gitops: spec.selector.version: green; nothing was changed
`,
	accepted: "--allow-gitops",
}, {
	name:    "idle Deployment of Argo CD",
	yaml:    blue + "---" + green,
	shell:   `kubectl annotate deployment hello-green argocd.argoproj.io/tracking-id=shop:apps/Deployment:NAMESPACE/hello-green`,
	command: "prepare hello --image localhost/demoapp:v3 --yes",
	stderr: `error: prepare hello-green refused: deployment hello-green is managed by Argo CD (annotation argocd.argoproj.io/tracking-id=shop:apps/Deployment:NAMESPACE/hello-green), which would change it back; commit the change instead, or pass --allow-gitops; nothing was changed
`,
	accepted: "--allow-gitops",
}, {
	name:    "Service of type ExternalName",
	yaml:    "apiVersion: v1\nkind: Service\nmetadata: {name: hello}\nspec: {type: ExternalName, externalName: hello.example.com}\n",
	command: "switch hello --yes",
	stderr: `error: service "hello" is of type ExternalName: it leads to "hello.example.com" by DNS and selects no pods, so there is nothing to switch
`,
}, {
	name:    "Service without a selector",
	yaml:    "apiVersion: v1\nkind: Service\nmetadata: {name: hello}\nspec: {ports: [{port: 80}]}\n",
	command: "run hello --image localhost/demoapp:v2 --yes",
	stderr: `error: service "hello" has no selector: its endpoints are written by somebody else, so there is nothing to switch
`,
}, {
	name:    "nothing to switch to",
	yaml:    blue,
	command: "switch hello --yes",
	stderr: `error: service "hello" has only one slot, deployment hello-blue; bring the new version up first with kubectl bluegreen prepare hello --image ...
`,
}, {
	name:    "two Deployments at once behind the Service",
	yaml:    strings.ReplaceAll(blue, "selector: {app: hello, version: blue}, ports", "selector: {app: hello}, ports") + "---" + green,
	command: "run hello --image localhost/demoapp:v2 --yes",
	stderr: `error: service "hello" selects the pods of 2 Deployments at once (hello-blue, hello-green): its traffic already goes to all of them; add a label that only one of them has to the Service's selector first
`,
}}

// Each refusal ends with the code, says the whole reason in a sentence, and leaves the cluster as it was: not one request
// that writes was accepted by the API server, which a proxy counts, not even for a lock.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			n := e2e.NewNamespace(t)
			n.Apply(r.yaml)
			for _, deployment := range strings.Fields(n.Kubectl("get", "deployments", "-o", "name")) {
				if n.Field(deployment, "{.spec.template.spec.containers[0].image}") != e2e.Image("unready") {
					n.Rollout(deployment)
				}
			}
			named := strings.NewReplacer("NAMESPACE", n.Name).Replace
			n.Shell(named(r.shell))
			command := append([]string{"bluegreen"}, strings.Fields(named(r.command))...)
			before := objects(n)

			proxy := n.StartProxy(e2e.Hooks{})
			got := proxy.TryInput(r.stdin, command...)
			if got.Code != 5 || got.Stderr != named(r.stderr) || got.Stdout != "" {
				t.Errorf("%v\nwant exit code 5, nothing on stdout, and stderr\n%s", got, named(r.stderr))
			}
			if writes := proxy.Writes(); len(writes) > 0 {
				t.Errorf("it wrote %+v", writes)
			}
			if after := objects(n); after != before {
				t.Errorf("the cluster was changed; before:\n%s\nafter:\n%s", before, after)
			}
			if r.accepted != "" {
				n.Want(0, append(command, r.accepted)...)
			}
		})
	}
}

// objects lists everything that a release could write, with the versions of what no controller writes the status of.
func objects(n *e2e.Namespace) string {
	return n.Kubectl("get", "deployments,horizontalpodautoscalers,poddisruptionbudgets,leases", "-o",
		`jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation} {.metadata.annotations} {.metadata.labels}{"\n"}{end}`) +
		n.Kubectl("get", "services", "-o", `jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}`)
}
