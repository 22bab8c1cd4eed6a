package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// dieWithParent makes a process end when the one that started it does, however that one ended.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// lock waits for an exclusive or shared lock on an open file. Closing the file gives it back.
func lock(ctx context.Context, file *os.File, exclusive bool) error {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	for said := false; ; said = true {
		err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if !said {
			fmt.Println("waiting for other end-to-end tests, which have the cluster to themselves or share it")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
