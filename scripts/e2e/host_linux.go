package e2e

import (
	"os"
	"syscall"
)

// dieWithParent makes a process end when the one that started it does, however that one ended.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// lock waits for an exclusive or shared lock on an open file. Closing the file gives it back.
func lock(file *os.File, exclusive bool) error {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	return syscall.Flock(int(file.Fd()), how)
}
