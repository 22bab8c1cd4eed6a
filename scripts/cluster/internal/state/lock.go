package state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Lock is a held lock. The kernel releases it when the process ends, however it ends.
type Lock struct{ file *os.File }

// Acquire takes the lock at path, waiting at most wait for another command to finish. The error names the holder,
// which is described by the note that it gave.
func Acquire(ctx context.Context, path, note string, wait time.Duration) (*Lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(wait)
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(deadline) || ctx.Err() != nil {
			defer f.Close()
			return nil, lockError(f, path, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	holder := fmt.Sprintf("`cluster %s`, process %d, since %s", note, os.Getpid(), time.Now().Format(time.DateTime))
	if err := errors.Join(f.Truncate(0), writeAt(f, holder)); err != nil {
		f.Close()
		return nil, err
	}
	return &Lock{file: f}, nil
}

// Release gives the lock back.
func (l *Lock) Release() { l.file.Close() }

func writeAt(f *os.File, s string) error {
	_, err := f.WriteAt([]byte(s), 0)
	return err
}

func lockError(f *os.File, path string, err error) error {
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("cannot lock %q: %w", path, err)
	}
	holder, _ := io.ReadAll(io.NewSectionReader(f, 0, 1024))
	if text := strings.TrimSpace(string(holder)); text != "" {
		return fmt.Errorf("another command is changing the cluster: %s; wait for it or interrupt it", text)
	}
	return fmt.Errorf("another command is changing the cluster (lock %q); wait for it or interrupt it", path)
}

// Held says whether some process holds the lock at path.
func Held(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
}
