package render

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
)

func TestNode(t *testing.T) {
	got, err := Node(layout.Paths{StateDir: "/s"}, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"kubelet.yaml": `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 10.200.2.2
healthzPort: 0
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: /s/pki/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: /s/pki/node2.crt
tlsPrivateKeyFile: /s/pki/node2.key
containerRuntimeEndpoint: unix:///run/switchyard-cluster/node2/containerd.sock
clusterDomain: cluster.local
clusterDNS: [10.96.0.10]
maxPods: 200
cgroupRoot: /switchyard-cluster/node2
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: {memory.available: 1Mi, nodefs.available: 0%, imagefs.available: 0%}
imageGCHighThresholdPercent: 100
nodeLeaseDurationSeconds: 20
`,
		"kube-proxy.yaml": `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
iptables: {minSyncPeriod: 1s}
clusterCIDR: 10.244.0.0/16
clientConnection: {kubeconfig: /s/kube-proxy.kubeconfig}
hostnameOverride: node2
conntrack: {maxPerCore: 0}
`,
		"containerd.toml": `version = 2
root = "/s/nodes/node2/containerd"
state = "/run/switchyard-cluster/node2/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = "/run/switchyard-cluster/node2/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/switchyard-pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/s/nodes/node2/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
`,
		"cni/10-pods.conflist": `{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [
    {
      "type": "ptp",
      "ipam": {
        "type": "host-local",
        "dataDir": "/s/nodes/node2/ipam",
        "ranges": [[{"subnet": "10.244.2.0/24"}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`,
	}
	for name, text := range got {
		if text := withoutComments(text); text != want[name] {
			t.Errorf("%s is\n%s\nwant\n%s", name, text, want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
}

func withoutComments(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestKubeconfig(t *testing.T) {
	got, err := Kubeconfig("admin", []byte("ca"), []byte("cert"), []byte("key"))
	const want = `apiVersion: v1
kind: Config
clusters:
- name: switchyard
  cluster:
    server: https://10.200.0.1:6443
    certificate-authority-data: Y2E=
users:
- name: admin
  user:
    client-certificate-data: Y2VydA==
    client-key-data: a2V5
contexts:
- name: switchyard
  context:
    cluster: switchyard
    user: admin
current-context: switchyard
`
	if err != nil || got != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
}

func TestRouterManifestsTakeRoutesOfEveryNamespace(t *testing.T) {
	got, err := RouterManifests()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"controllerName: traefik.io/gateway-controller",
		"name: switchyard\n  namespace: switchyard-router\n",
		"port: 8000\n    allowedRoutes:\n      namespaces:\n        from: All\n",
		"controller: k8s.io/ingress-nginx",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("manifests lack %q:\n%s", want, got)
		}
	}
}

func TestArgv(t *testing.T) {
	enter := []string{"sh", "-c", `echo 0 > "$1" && shift && exec "$@"`, "sh", "/cg/cgroup.procs"}
	for _, tc := range []struct {
		name   string
		launch Launch
		want   []string
	}{
		{"root namespace", Launch{Cgroup: "/cg"}, []string{"prog", "--flag"}},
		{"network namespace", Launch{Cgroup: "/cg", Netns: "/run/netns/n"}, []string{"nsenter", "--net=/run/netns/n", "--", "prog", "--flag"}},
		{"network and mounts of another process", Launch{Cgroup: "/cg", Netns: "/run/netns/n", MountsOf: 42},
			[]string{"nsenter", "--net=/run/netns/n", "--mount=/proc/42/ns/mnt", "--", "prog", "--flag"}},
		{"mounts of its own", Launch{Cgroup: "/cg", Netns: "/run/netns/n", Binds: []layout.Bind{{Source: "/it's", Target: "/var/log"}}},
			[]string{"nsenter", "--net=/run/netns/n", "--", "unshare", "--mount", "--propagation=private", "--", "sh", "-c",
				`mount --make-rshared / && mount --bind '/it'\''s' '/var/log' && exec "$@"`, "sh", "prog", "--flag"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tc.launch.Argv("prog", "--flag")
			if want := slices.Concat(enter, tc.want); !slices.Equal(got, want) {
				t.Errorf("got\n%q\nwant\n%q", got, want)
			}
		})
	}
}

func TestNothingListensBeyondTheMachine(t *testing.T) {
	p := layout.Paths{StateDir: "/s"}
	for _, args := range [][]string{Etcd(p), APIServer(p), ControllerManager(p), Scheduler(p), Router()} {
		bound := 0
		for _, arg := range args {
			name, value, _ := strings.Cut(arg, "=")
			if name != "--bind-address" && !strings.HasPrefix(name, "--listen-") && name != "--entrypoints.web.address" {
				continue
			}
			bound++
			value = strings.TrimPrefix(value, "http://")
			if !strings.HasPrefix(value, "127.0.0.1") && value != layout.ControlPlaneIP {
				t.Errorf("%s listens on an address that others may reach", arg)
			}
		}
		if bound == 0 {
			t.Errorf("no listening address is given in %q", args)
		}
	}
}
