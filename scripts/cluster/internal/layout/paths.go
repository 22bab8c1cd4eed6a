// Package layout says where everything of the cluster lives: files, cgroups, names and addresses. It does no I/O.
package layout

import "path/filepath"

const (
	// RunDir holds sockets and the state file. Its state file is the one truth about a cluster on this machine.
	RunDir = "/run/switchyard-cluster"
	// LockFile is locked while a command changes the cluster. It stays, because removing a lock file is a race.
	LockFile = "/run/lock/switchyard-cluster.lock"
	// DefaultStateDir holds what the cluster writes: etcd's data, certificates, logs, each node's disk.
	DefaultStateDir = "/var/lib/switchyard-cluster"
	// Cgroup is the cluster's cgroup, below the root of each hierarchy. Every process of the cluster is inside.
	Cgroup = "switchyard-cluster"
	// ControlPlane names the cgroup of the processes in the root namespace.
	ControlPlane = "control-plane"
	// PauseImage is the sandbox image of every pod.
	PauseImage = "localhost/switchyard-pause:1"
)

// StateFile is the path of the state file.
func StateFile() string { return filepath.Join(RunDir, "state.json") }

// Paths derives every file of one cluster from its state directory.
type Paths struct{ StateDir string }

func (p Paths) in(elem ...string) string {
	return filepath.Join(append([]string{p.StateDir}, elem...)...)
}

// Marker is the file that proves that the state directory was made by this tool.
func (p Paths) Marker() string { return p.in(".switchyard-cluster") }

// PKI is the file of a certificate ("ca.crt") or key ("ca.key").
func (p Paths) PKI(name string) string { return p.in("pki", name) }

// Kubeconfig is the kubeconfig of a component; "admin" is the user's.
func (p Paths) Kubeconfig(name string) string { return p.in(name + ".kubeconfig") }

// Etcd is etcd's data directory.
func (p Paths) Etcd() string { return p.in("etcd") }

// Logs is the directory of the components' logs.
func (p Paths) Logs() string { return p.in("logs") }

// Log is the log of a component such as "etcd" or "node1/kubelet".
func (p Paths) Log(component string) string { return filepath.Join(p.Logs(), component+".log") }

// RouterManifests is the file of the router's Gateway and classes.
func (p Paths) RouterManifests() string { return p.in("router.yaml") }

// Node returns the paths of one node.
func (p Paths) Node(index int) NodePaths {
	name := NodeName(index)
	return NodePaths{Disk: p.in("nodes", name), Run: filepath.Join(RunDir, name)}
}

// NodePaths are the two directories of a node: Disk survives `node stop`, Run does not.
type NodePaths struct{ Disk, Run string }

// Socket is containerd's socket.
func (n NodePaths) Socket() string { return filepath.Join(n.Run, "containerd.sock") }

// File is a configuration file of the node.
func (n NodePaths) File(name string) string { return filepath.Join(n.Disk, name) }

// A Bind puts a node's own directory in the place of a directory of the machine.
type Bind struct{ Source, Target string }

// Binds lists what each node must not share with the machine or with another node: two kubelets on one /var/log remove
// each other's pod logs, and on one /var/lib/kubelet fight for the device plugin socket. They are mounted in the mount
// namespace of the node, which ends with the node's last process, so none of its mounts can outlive it.
func (n NodePaths) Binds() []Bind {
	return []Bind{
		{filepath.Join(n.Disk, "kubelet"), "/var/lib/kubelet"},
		{filepath.Join(n.Disk, "cni-cache"), "/var/lib/cni"},
		{filepath.Join(n.Disk, "log"), "/var/log"},
		{filepath.Join(n.Run, "netns"), "/run/netns"},
		{filepath.Join(n.Run, "shim"), "/run/containerd"},
	}
}

// NodeCgroup is the cgroup of the node below the root of a hierarchy: its system processes and its pods.
func NodeCgroup(index int) string { return filepath.Join(Cgroup, NodeName(index)) }
