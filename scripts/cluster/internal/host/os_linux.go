package host

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// CheckSupported says in an error why this machine cannot run a cluster: it needs Linux and root.
func CheckSupported() error {
	if os.Geteuid() != 0 {
		return errors.New("a cluster needs root (network namespaces, mounts, cgroups); run this command as root, for example with sudo")
	}
	return nil
}

// Unmount detaches a mount point at once; the kernel finishes when its last user is gone.
func Unmount(path string) error { return unix.Unmount(path, unix.MNT_DETACH) }
