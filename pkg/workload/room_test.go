package workload

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// node writes a ready node; rest adds to its spec and metadata.
func node(name, cpu, memory string) string {
	return fmt.Sprintf(`
metadata: {name: %s, labels: {kubernetes.io/hostname: %s, zone: z1}}
spec: {}
status:
  allocatable: {cpu: "%s", memory: %s, pods: "10"}
  conditions: [{type: Ready, status: "True"}]`, name, name, cpu, memory)
}

func podOn(node, cpu string) string {
	return fmt.Sprintf(`
metadata: {name: other, namespace: shop, labels: {app: other}}
spec: {nodeName: %s, containers: [{name: app, resources: {requests: {cpu: %s}}}]}
status: {phase: Running}`, node, cpu)
}

const smallPod = `
metadata: {labels: {app: hello}}
spec: {containers: [{name: app, resources: {requests: {cpu: 500m, memory: 256Mi}}}]}`

type roomCase struct {
	name, template              string
	n                           int32
	nodes, pods, quotas, limits string
	unread                      RoomInput
	short, notChecked           []string
}

func runRoom(t *testing.T, cases []roomCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := c.unread
			in.Namespace = "shop"
			in.Nodes, in.Pods = parseAll[corev1.Node](t, c.nodes), parseAll[corev1.Pod](t, c.pods)
			in.Quotas, in.Limits = parseAll[corev1.ResourceQuota](t, c.quotas), parseAll[corev1.LimitRange](t, c.limits)
			got := CheckRoom(parse[corev1.PodTemplateSpec](t, c.template), c.n, in)
			wantLines(t, got.Short, c.short)
			wantLines(t, got.NotChecked, c.notChecked)
			if got.Fits != (len(c.short) == 0) {
				t.Errorf("fits is %v", got.Fits)
			}
		})
	}
}

// others is what is said whenever the nodes are short.
const others = "whether pods of lower priority would give way or an autoscaler would add nodes"

func TestRoomOnNodes(t *testing.T) {
	with := func(spec string) string {
		return strings.Replace(smallPod, "spec: {", "spec: {"+spec+", ", 1)
	}
	runRoom(t, []roomCase{
		{name: "it fits exactly", template: smallPod, n: 3, nodes: docs(node("a", "1", "1Gi"), node("b", "500m", "1Gi"))},
		{name: "no pods need no room", template: smallPod, n: 0},
		{name: "running pods take theirs", template: smallPod, n: 2, nodes: node("a", "1", "1Gi"), pods: podOn("a", "100m"),
			short:      []string{"the nodes have room for 1 of 2 more pods (cpu 500m, memory 256Mi each): of 1 node, 1 short of cpu"},
			notChecked: []string{others}},
		{name: "ended pods take nothing", template: smallPod, n: 2, nodes: node("a", "1", "1Gi"),
			pods: strings.Replace(podOn("a", "100m"), "Running", "Succeeded", 1)},
		{name: "room scattered over nodes is no room", template: smallPod, n: 1, nodes: docs(node("a", "400m", "1Gi"), node("b", "400m", "100Mi")),
			short:      []string{"the nodes have room for 0 of 1 more pods (cpu 500m, memory 256Mi each): of 2 nodes, 1 short of cpu, 1 short of cpu and memory"},
			notChecked: []string{others}},
		{name: "the number of pods a node takes", template: `spec: {containers: [{name: app}]}`, n: 11, nodes: node("a", "1", "1Gi"),
			short:      []string{"the nodes have room for 10 of 11 more pods (no requests each): of 1 node, 1 short of pods"},
			notChecked: []string{others}},
		{name: "nodes that are out of the question", template: with("nodeSelector: {disk: ssd}"), n: 1,
			nodes: docs(
				strings.Replace(node("down", "4", "4Gi"), `"True"`, `Unknown`, 1),
				strings.Replace(node("cordoned", "4", "4Gi"), "spec: {}", "spec: {unschedulable: true}", 1),
				strings.Replace(strings.Replace(node("gpu", "4", "4Gi"), "zone: z1", "disk: ssd", 1), "spec: {}", "spec: {taints: [{key: gpu, effect: NoSchedule}]}", 1),
				node("hdd", "4", "4Gi")),
			short:      []string{"the nodes have room for 0 of 1 more pods (cpu 500m, memory 256Mi each): of 4 nodes, 1 cordoned, 1 not ready, 1 outside the nodeSelector, 1 tainted with gpu:NoSchedule"},
			notChecked: []string{others}},
		{name: "tolerated, and a preference is no obstacle", template: with("tolerations: [{key: gpu, operator: Exists}]"), n: 1,
			nodes: strings.Replace(node("a", "1", "1Gi"), "spec: {}", "spec: {taints: [{key: gpu, effect: NoExecute}, {key: busy, effect: PreferNoSchedule}]}", 1)},
		{name: "node affinity: any term, all of its expressions", n: 2,
			template: with("affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{}, {matchExpressions: [{key: zone, operator: In, values: [z1]}, {key: zone, operator: DoesNotExist}]}, {matchFields: [{key: metadata.name, operator: In, values: [b]}]}]}}}"),
			nodes:    docs(node("a", "4", "4Gi"), node("b", "500m", "4Gi")),
			short:    []string{"the nodes have room for 1 of 2 more pods (cpu 500m, memory 256Mi each): of 2 nodes, 1 outside the node affinity, 1 short of cpu"}, notChecked: []string{others}},
		{name: "ports of the node", n: 2, template: `spec: {containers: [{name: app, ports: [{containerPort: 80, hostPort: 80}]}]}`, nodes: node("a", "4", "4Gi"),
			short:      []string{"the nodes have room for 1 of 2 more pods (no requests each): of 1 node, 1 with port 80/TCP in use"},
			notChecked: []string{others}},
		{name: "unread nodes are not called full", template: smallPod, n: 1, unread: RoomInput{NodesUnread: "nodes is forbidden"},
			notChecked: []string{"room on the nodes: the nodes could not be read: nodes is forbidden"}},
		{name: "unread pods neither", template: smallPod, n: 1, nodes: node("a", "4", "4Gi"), unread: RoomInput{PodsUnread: "pods is forbidden"},
			notChecked: []string{"room on the nodes: the pods of the cluster could not be read: pods is forbidden"}},
		{name: "what is left out is said", n: 1, nodes: node("a", "4", "4Gi"), template: `
spec:
  schedulerName: mine
  runtimeClassName: vm
  topologySpreadConstraints: [{topologyKey: zone, maxSkew: 1, whenUnsatisfiable: DoNotSchedule}, {topologyKey: rack, maxSkew: 1, whenUnsatisfiable: ScheduleAnyway}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
  affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone}]}}
  containers: [{name: app}]`,
			notChecked: []string{
				"room on the nodes leaves out the required pod affinity",
				"room on the nodes leaves out the topology spread over zone",
				`on which nodes PersistentVolumeClaim "data" can be mounted`,
				`the overhead and node selector of RuntimeClass "vm"`,
				`the rules of scheduler "mine": the default scheduler's were assumed`,
			}},
	})
}

func TestRoomWithAntiAffinity(t *testing.T) {
	apart := func(term string) string {
		return strings.Replace(smallPod, "spec: {", "spec: {affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: ["+term+"]}}, ", 1)
	}
	two := docs(node("a", "4", "4Gi"), node("b", "4", "4Gi"))
	full := []string{"the nodes have room for 1 of 2 more pods (cpu 500m, memory 256Mi each): of 2 nodes, 2 closed by anti-affinity"}
	old := func(labels, spec string) string {
		return "metadata: {name: old, namespace: shop, labels: " + labels + "}\nspec: {nodeName: a, " + spec + "containers: [{name: app}]}\nstatus: {phase: Running}"
	}
	repelling := "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: hello}}}]}}, "
	runRoom(t, []roomCase{
		{name: "one pod per node", template: apart("{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: hello}}}"), n: 2, nodes: two},
		{name: "one pod per zone", template: apart("{topologyKey: zone, labelSelector: {matchLabels: {app: hello}}}"), n: 2, nodes: two, short: full, notChecked: []string{others}},
		{name: "a running pod closes its node", template: apart("{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: hello}}}"), n: 2, nodes: two,
			pods: old("{app: hello}", ""), short: full, notChecked: []string{others}},
		{name: "not to pods of a later template by its hash", template: apart("{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: hello}}, matchLabelKeys: [pod-template-hash]}"), n: 2, nodes: two,
			pods: old("{app: hello}", "")},
		{name: "in another namespace it is no matter", template: apart("{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: hello}}}"), n: 2, nodes: two,
			pods: strings.Replace(old("{app: hello}", ""), "shop", "test", 1)},
		{name: "unless every namespace is meant", template: apart("{topologyKey: kubernetes.io/hostname, namespaceSelector: {}, labelSelector: {matchLabels: {app: hello}}}"), n: 2, nodes: two,
			pods: strings.Replace(old("{app: hello}", ""), "shop", "test", 1), short: full, notChecked: []string{others}},
		{name: "the terms of running pods hold as well", template: smallPod, n: 1, nodes: node("a", "4", "4Gi"), pods: old("{app: other}", repelling),
			short:      []string{"the nodes have room for 0 of 1 more pods (cpu 500m, memory 256Mi each): of 1 node, 1 closed by anti-affinity"},
			notChecked: []string{others}},
		{name: "namespaces by label are not known", template: apart("{topologyKey: zone, namespaceSelector: {matchLabels: {team: x}}, labelSelector: {matchLabels: {app: hello}}}"), n: 2, nodes: two,
			notChecked: []string{"room on the nodes leaves out an anti-affinity term with a namespaceSelector: labels of namespaces were not read"}},
	})
}

func TestRoomInQuotas(t *testing.T) {
	roomy := node("a", "100", "100Gi")
	quota := func(spec, hard, used string) string {
		return "metadata: {name: q}\nspec: {hard: " + hard + spec + "}\nstatus: {hard: " + hard + ", used: " + used + "}"
	}
	runRoom(t, []roomCase{
		{name: "enough is left", template: smallPod, n: 2, nodes: roomy, quotas: quota("", `{pods: "5", requests.cpu: "2", count/pods: "9", services: "1"}`, `{pods: "3", requests.cpu: "1", count/pods: "7", services: "1"}`)},
		{name: "each shortage has its figures", template: smallPod, n: 3, nodes: roomy, quotas: quota("", `{pods: "5", requests.cpu: "2", memory: 1Gi}`, `{pods: "3", requests.cpu: "1", memory: 512Mi}`),
			short: []string{
				`ResourceQuota "q": 3 more pods need 768Mi of memory, and 512Mi of 1Gi is left`,
				`ResourceQuota "q": 3 more pods need 3 of pods, and 2 of 5 is left`,
				`ResourceQuota "q": 3 more pods need 1500m of requests.cpu, and 1 of 2 is left`,
			}},
		{name: "a counted figure must be declared", template: smallPod, n: 1, nodes: roomy, quotas: quota("", `{limits.memory: 4Gi}`, `{limits.memory: "0"}`),
			short: []string{`ResourceQuota "q" counts limits.memory and refuses the pods: container "app" has no memory limit`}},
		{name: "unless a LimitRange sets it", template: smallPod, n: 3, nodes: roomy, quotas: quota("", `{limits.memory: 1Gi}`, `{limits.memory: "0"}`),
			limits: "metadata: {name: l}\nspec: {limits: [{type: Container, default: {memory: 512Mi}}]}",
			short:  []string{`ResourceQuota "q": 3 more pods need 1536Mi of limits.memory, and 1Gi of 1Gi is left`}},
		{name: "for best effort pods only", template: smallPod, n: 1, nodes: roomy, quotas: quota(", scopes: [BestEffort]", `{pods: "0"}`, `{pods: "0"}`)},
		{name: "for other pods only", template: smallPod, n: 1, nodes: roomy, quotas: quota(", scopes: [NotBestEffort, NotTerminating]", `{pods: "0"}`, `{pods: "0"}`),
			short: []string{`ResourceQuota "q": 1 more pods need 1 of pods, and 0 of 0 is left`}},
		{name: "for another priority class", template: strings.Replace(smallPod, "spec: {", "spec: {priorityClassName: low, ", 1), n: 1, nodes: roomy,
			quotas: quota(", scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [high]}]}", `{pods: "0"}`, `{pods: "0"}`)},
		{name: "for a priority class that is not known", template: smallPod, n: 1, nodes: roomy,
			quotas:     quota(", scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [high]}]}", `{pods: "0"}`, `{pods: "0"}`),
			notChecked: []string{`ResourceQuota "q": it is for certain priority classes, and the cluster's default class for these pods was not read`}},
		{name: "for a scope of another time", template: smallPod, n: 1, nodes: roomy, quotas: quota(", scopes: [CrossNamespacePodAffinity]", `{pods: "0"}`, `{pods: "0"}`),
			notChecked: []string{`ResourceQuota "q": its scope CrossNamespacePodAffinity is not evaluated`}},
		{name: "not computed yet", template: smallPod, n: 1, nodes: roomy, quotas: "metadata: {name: q}\nspec: {hard: {pods: \"1\"}}",
			notChecked: []string{`ResourceQuota "q": its usage has not been computed yet`}},
		{name: "extended resources", n: 2, nodes: strings.Replace(roomy, `pods: "10"`, `pods: "10", example.com/gpu: "2"`, 1),
			template: `spec: {containers: [{name: app, resources: {limits: {example.com/gpu: "1"}}}]}`, quotas: quota("", `{requests.example.com/gpu: "1"}`, `{}`),
			short: []string{`ResourceQuota "q": 2 more pods need 2 of requests.example.com/gpu, and 1 of 1 is left`}},
		{name: "unread", template: smallPod, n: 1, nodes: roomy, unread: RoomInput{QuotasUnread: "resourcequotas is forbidden", LimitsUnread: "limitranges is forbidden"},
			notChecked: []string{"LimitRanges and the defaults they set: limitranges is forbidden", "ResourceQuotas: resourcequotas is forbidden"}},
	})
}

func TestRoomInLimitRanges(t *testing.T) {
	limits := func(item string) string { return "metadata: {name: l}\nspec: {limits: [" + item + "]}" }
	runRoom(t, []roomCase{
		{name: "within", template: smallPod, n: 1, nodes: node("a", "4", "4Gi"), limits: limits("{type: Container, min: {cpu: 100m}, max: {memory: 1Gi}, default: {memory: 512Mi}}")},
		{name: "outside", template: smallPod, n: 1, nodes: node("a", "4", "4Gi"), limits: limits(`{type: Container, min: {memory: 1Gi}, max: {cpu: 250m}, default: {cpu: "1"}, maxLimitRequestRatio: {cpu: "1.5"}}`),
			short: []string{
				`LimitRange "l" refuses the pods: container "app" requests memory 256Mi, the minimum is 1Gi`,
				`LimitRange "l" refuses the pods: container "app" has a cpu limit of 1, the maximum is 250m`,
				`LimitRange "l" refuses the pods: container "app" has a cpu limit of 2 times its request, the maximum ratio is 1.5`,
			}},
		{name: "the pod as a whole", template: smallPod, n: 1, nodes: node("a", "4", "4Gi"), limits: limits(`{type: Pod, max: {memory: 1Gi}}`),
			short: []string{`LimitRange "l" refuses the pods: the pod has no memory limit, the maximum is 1Gi`}},
		{name: "its default request counts on the nodes", template: `spec: {containers: [{name: app}]}`, n: 3, nodes: node("a", "1", "4Gi"), limits: limits(`{type: Container, defaultRequest: {cpu: 400m}}`),
			short: []string{"the nodes have room for 2 of 3 more pods (cpu 400m each): of 1 node, 1 short of cpu"}, notChecked: []string{others}},
	})
}

func TestPodRequests(t *testing.T) {
	cases := []struct{ name, spec, want string }{
		{"containers add up", `{containers: [{name: a, resources: {requests: {cpu: 100m}}}, {name: b, resources: {requests: {cpu: 200m, memory: 1Gi}}}]}`, "cpu 300m, memory 1Gi"},
		{"an init container that needs more", `{initContainers: [{name: i, resources: {requests: {cpu: "1"}}}], containers: [{name: a, resources: {requests: {cpu: 100m, memory: 1Gi}}}]}`, "cpu 1, memory 1Gi"},
		{"sidecars run beside", `{initContainers: [{name: s, restartPolicy: Always, resources: {requests: {cpu: 50m}}}], containers: [{name: a, resources: {requests: {cpu: 100m}}}]}`, "cpu 150m"},
		{"an init container after a sidecar", `{initContainers: [{name: s, restartPolicy: Always, resources: {requests: {cpu: 50m}}}, {name: i, resources: {requests: {cpu: 200m}}}], containers: [{name: a, resources: {requests: {cpu: 100m}}}]}`, "cpu 250m"},
		{"overhead", `{overhead: {cpu: 20m}, containers: [{name: a, resources: {requests: {cpu: 100m}}}]}`, "cpu 120m"},
		{"requests follow from limits", `{containers: [{name: a, resources: {limits: {cpu: 100m}}}]}`, "cpu 100m"},
		{"the pod's own take their place", `{resources: {requests: {cpu: "2"}}, containers: [{name: a, resources: {requests: {cpu: 100m, memory: 1Gi}}}]}`, "cpu 2, memory 1Gi"},
		{"nothing", `{containers: [{name: a}]}`, "no requests"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			spec := parse[corev1.PodSpec](t, c.spec)
			defaultRequests(&spec)
			if got := describeResources(podRequests(spec)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
