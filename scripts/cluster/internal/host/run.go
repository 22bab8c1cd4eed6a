package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Run runs a program to its end and returns its standard output. The error carries what it said on standard error.
func Run(ctx context.Context, name string, args ...string) (string, error) {
	return RunInput(ctx, "", name, args...)
}

// RunInput is Run with a standard input.
func RunInput(ctx context.Context, input, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errOut
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return out.String(), ctx.Err()
		}
		return out.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(errOut.String()))
	}
	return out.String(), nil
}

// IP runs `ip -batch` lines in the named network namespace, or in the root namespace when netns is empty. It stops at
// the first line that fails.
func IP(ctx context.Context, netns string, lines []string) error {
	args := []string{"-batch", "-"}
	if netns != "" {
		args = []string{"-n", netns, "-batch", "-"}
	}
	_, err := RunInput(ctx, strings.Join(lines, "\n")+"\n", "ip", args...)
	return err
}

// IPEach runs `ip` lines one by one in the root namespace and goes on after a line that fails; for cleaning up, where
// a thing may be gone already.
func IPEach(ctx context.Context, lines []string) {
	for _, line := range lines {
		_, _ = Run(ctx, "ip", strings.Fields(line)...)
	}
}

const ipForward = "/proc/sys/net/ipv4/ip_forward"

// IPForward returns net.ipv4.ip_forward, "0" or "1".
func IPForward() (string, error) {
	data, err := os.ReadFile(ipForward)
	return strings.TrimSpace(string(data)), err
}

// SetIPForward sets net.ipv4.ip_forward.
func SetIPForward(value string) error { return os.WriteFile(ipForward, []byte(value), 0o644) }

// MakeDirs creates a folder and its parents, and returns those that did not exist, parents first.
func MakeDirs(path string) ([]string, error) {
	var missing []string
	for dir := path; ; {
		_, err := os.Stat(dir)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		missing = append([]string{dir}, missing...)
		parent := dir[:max(strings.LastIndexByte(dir, '/'), 1)]
		if parent == dir {
			break
		}
		dir = parent
	}
	return missing, os.MkdirAll(path, 0o755)
}
