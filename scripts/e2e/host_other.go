//go:build !linux

package e2e

import (
	"context"
	"errors"
	"os"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

func lock(context.Context, *os.File, bool) error { return errors.ErrUnsupported }
