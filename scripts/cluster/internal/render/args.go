package render

import (
	"fmt"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
)

const (
	etcdClient = "http://127.0.0.1:23790"
	etcdPeer   = "http://127.0.0.1:23800"
)

// LoopbackPorts lists the TCP ports of 127.0.0.1 that are listened on, by component.
func LoopbackPorts(router bool) map[string]int {
	ports := map[string]int{"etcd": 23790, "etcd (peer)": 23800, "kube-controller-manager": 10257, "kube-scheduler": 10259}
	if router {
		ports["the router"] = layout.RouterPort
	}
	return ports
}

// Etcd returns etcd's arguments. Its data need not survive a power failure, so it does not wait for the disk.
func Etcd(p layout.Paths) []string {
	return []string{
		"--name=default",
		"--data-dir=" + p.Etcd(),
		"--unsafe-no-fsync",
		"--listen-client-urls=" + etcdClient,
		"--advertise-client-urls=" + etcdClient,
		"--listen-peer-urls=" + etcdPeer,
		"--initial-advertise-peer-urls=" + etcdPeer,
		"--initial-cluster=default=" + etcdPeer,
	}
}

// APIServer returns kube-apiserver's arguments. It listens on the control plane's address alone, which no other
// machine can reach.
func APIServer(p layout.Paths) []string {
	return []string{
		"--etcd-servers=" + etcdClient,
		"--bind-address=" + layout.ControlPlaneIP,
		"--advertise-address=" + layout.ControlPlaneIP,
		fmt.Sprintf("--secure-port=%d", layout.APIServerPort),
		"--service-cluster-ip-range=" + layout.ServiceCIDR,
		"--allow-privileged=true",
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--client-ca-file=" + p.PKI("ca.crt"),
		"--tls-cert-file=" + p.PKI("kube-apiserver.crt"),
		"--tls-private-key-file=" + p.PKI("kube-apiserver.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + p.PKI("service-account.key"),
		"--service-account-signing-key-file=" + p.PKI("service-account.key"),
		"--kubelet-client-certificate=" + p.PKI("kube-apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + p.PKI("kube-apiserver-kubelet-client.key"),
		"--kubelet-certificate-authority=" + p.PKI("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP",
		"--shutdown-delay-duration=0s",
	}
}

// ControllerManager returns kube-controller-manager's arguments. The grace period makes a cut node NotReady after
// 20 s instead of 50 s.
func ControllerManager(p layout.Paths) []string {
	return []string{
		"--kubeconfig=" + p.Kubeconfig("kube-controller-manager"),
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
		"--use-service-account-credentials=true",
		"--root-ca-file=" + p.PKI("ca.crt"),
		"--service-account-private-key-file=" + p.PKI("service-account.key"),
		"--node-monitor-grace-period=20s",
	}
}

// Scheduler returns kube-scheduler's arguments.
func Scheduler(p layout.Paths) []string {
	return []string{
		"--kubeconfig=" + p.Kubeconfig("kube-scheduler"),
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
	}
}

// Containerd returns containerd's arguments on a node.
func Containerd(p layout.Paths, index int) []string {
	return []string{"--config=" + p.Node(index).File("containerd.toml")}
}

// Kubelet returns the kubelet's arguments.
func Kubelet(p layout.Paths, index int) []string {
	return []string{
		"--config=" + p.Node(index).File("kubelet.yaml"),
		"--kubeconfig=" + p.Kubeconfig(layout.NodeName(index)),
		"--hostname-override=" + layout.NodeName(index),
		"--node-ip=" + layout.NodeIP(index),
	}
}

// KubeProxy returns kube-proxy's arguments on a node.
func KubeProxy(p layout.Paths, index int) []string {
	return []string{"--config=" + p.Node(index).File("kube-proxy.yaml")}
}
