package image

import (
	"debug/elf"
	"fmt"
	"runtime"
)

// machines names the ELF machine of the architectures that Kubernetes nodes of this tool can have.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// CheckBinary says why a file cannot be the only program of an image: it must be a static Linux executable for this
// machine's architecture, because the image holds no dynamic loader and no shared library.
func CheckBinary(file string) error {
	f, err := elf.Open(file)
	if err != nil {
		return fmt.Errorf("binary %q is not a Linux executable: %w; build it with GOOS=linux CGO_ENABLED=0", file, err)
	}
	defer f.Close()
	if want, known := machines[runtime.GOARCH]; known && f.Machine != want {
		return fmt.Errorf("binary %q is built for %s, and the nodes are %s; build it with GOARCH=%s", file, f.Machine, want, runtime.GOARCH)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("binary %q is dynamically linked, and the image holds nothing but it; build it with CGO_ENABLED=0", file)
		}
	}
	return nil
}
