package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/artifact"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/host"
)

// needed lists what comes from Debian: a program or file, and the package that has it.
var needed = []struct{ program, pkg string }{
	{"containerd", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{"/usr/lib/cni/ptp", "containernetworking-plugins"},
	{"ip", "iproute2"},
	{"iptables-restore", "iptables"},
	{"conntrack", "conntrack"},
	{"nsenter", "util-linux"},
	{"mount", "mount"},
}

// missingPackages returns the packages of the programs that are not there, each once.
func missingPackages(have func(program string) bool) []string {
	var missing []string
	for _, n := range needed {
		if !have(n.program) && !slices.Contains(missing, n.pkg) {
			missing = append(missing, n.pkg)
		}
	}
	return missing
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// installPackages installs the Debian packages that are missing. The package lists are fetched only when installing
// fails without.
func installPackages(ctx context.Context, report *artifact.Progress) error {
	missing := missingPackages(installed)
	if len(missing) == 0 {
		return nil
	}
	list := strings.Join(missing, " ")
	if !installed("apt-get") {
		return fmt.Errorf("these Debian packages are missing, and there is no apt-get to install them: %s; install what they hold", list)
	}
	report.Step("installing Debian packages: " + list)
	args := append([]string{"DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-q", "--no-install-recommends"}, missing...)
	if _, err := host.Run(ctx, "env", args...); err != nil {
		report.Step("fetching Debian's package lists")
		if _, err := host.Run(ctx, "apt-get", "update", "-q"); err != nil {
			return err
		}
		if _, err := host.Run(ctx, "env", args...); err != nil {
			return fmt.Errorf("cannot install the packages %s: %w", list, err)
		}
	}
	if still := missingPackages(installed); len(still) > 0 {
		return fmt.Errorf("the packages %v are installed, but their programs are not on PATH (%s)", still, os.Getenv("PATH"))
	}
	return nil
}
