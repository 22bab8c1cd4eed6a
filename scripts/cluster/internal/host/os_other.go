//go:build !linux

package host

import (
	"errors"
	"fmt"
	"runtime"
)

// CheckSupported says in an error why this machine cannot run a cluster: it needs Linux and root.
func CheckSupported() error {
	return fmt.Errorf("a cluster needs Linux (network namespaces, cgroups, containerd), and this is %s; use a Debian machine or virtual machine", runtime.GOOS)
}

// Unmount is not available on this system.
func Unmount(string) error { return errors.ErrUnsupported }
