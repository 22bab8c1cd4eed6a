// Package host reads and changes the machine: processes, cgroups, mounts, routes. Reading is split into a pure parser
// and a thin reader.
package host

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Stat is the part of /proc/PID/stat that identifies a process.
type Stat struct {
	// State is the process state letter; Z is a zombie.
	State byte
	// StartTicks is the start time in clock ticks since boot.
	StartTicks uint64
}

// ParseStat parses /proc/PID/stat (proc(5)). The command name may contain blanks and parentheses, so fields are
// counted from its last closing parenthesis.
func ParseStat(data []byte) (Stat, error) {
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return Stat{}, fmt.Errorf("no command name in process stat %q", data)
	}
	fields := strings.Fields(string(data[end+1:]))
	// The first field after the name is number 3 (state); the start time is number 22.
	if len(fields) < 20 {
		return Stat{}, fmt.Errorf("process stat %q has too few fields", data)
	}
	ticks, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return Stat{}, fmt.Errorf("start time of process stat %q: %w", data, err)
	}
	return Stat{State: fields[0][0], StartTicks: ticks}, nil
}

// StartTicks returns the start time of a process in clock ticks since boot.
func StartTicks(pid int) (uint64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	st, err := ParseStat(data)
	return st.StartTicks, err
}

// Alive says whether the process with this id and start time runs. A zombie does not.
func Alive(pid int, startTicks uint64) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	st, err := ParseStat(data)
	return err == nil && st.StartTicks == startTicks && st.State != 'Z' && st.State != 'X'
}

// Signal sends a signal to the process with this id and start time, and does nothing when that process is gone.
func Signal(pid int, startTicks uint64, sig syscall.Signal) {
	if Alive(pid, startTicks) {
		_ = syscall.Kill(pid, sig)
	}
}

// WaitGone waits until the process has ended, and says whether it did in time.
func WaitGone(pid int, startTicks uint64, timeout time.Duration) bool {
	for deadline := time.Now().Add(timeout); Alive(pid, startTicks); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// BootID identifies this boot of the machine.
func BootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(data)), err
}
