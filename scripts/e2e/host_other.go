//go:build !linux

package e2e

import (
	"errors"
	"os"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

func lock(*os.File, bool) error { return errors.ErrUnsupported }
