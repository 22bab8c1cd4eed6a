package render

import (
	"fmt"
	"strings"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
)

// Launch says how a process is placed on the machine.
type Launch struct {
	// Cgroup is the folder of the cgroup that the process enters before anything else, so that there is no moment at
	// which it is not known to be the cluster's.
	Cgroup string
	// Netns is the file of the network namespace, empty for the root namespace.
	Netns string
	// MountsOf is the id of a process whose mount namespace is entered, 0 for none.
	MountsOf int
	// Binds, when set, gives the process a new mount namespace with these directories exchanged.
	Binds []layout.Bind
}

// Argv returns the whole command line for a program and its arguments.
func (l Launch) Argv(program string, args ...string) []string {
	argv := []string{"sh", "-c", `echo 0 > "$1" && shift && exec "$@"`, "sh", l.Cgroup + "/cgroup.procs"}
	if l.Netns != "" || l.MountsOf != 0 {
		argv = append(argv, "nsenter")
		if l.Netns != "" {
			argv = append(argv, "--net="+l.Netns)
		}
		if l.MountsOf != 0 {
			argv = append(argv, fmt.Sprintf("--mount=/proc/%d/ns/mnt", l.MountsOf))
		}
		argv = append(argv, "--")
	}
	if len(l.Binds) > 0 {
		argv = append(argv, "unshare", "--mount", "--propagation=private", "--", "sh", "-c", mountScript(l.Binds), "sh")
	}
	return append(append(argv, program), args...)
}

// mountScript exchanges the directories. The root is made shared within the new namespace, as on a node of its own, so
// that what the kubelet mounts for a pod reaches containerd.
func mountScript(binds []layout.Bind) string {
	steps := []string{"mount --make-rshared /"}
	for _, b := range binds {
		steps = append(steps, fmt.Sprintf("mount --bind %s %s", quote(b.Source), quote(b.Target)))
	}
	return strings.Join(append(steps, `exec "$@"`), " && ")
}

// quote quotes a word for sh.
func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
