// Package e2e runs a plugin's end-to-end tests on a real cluster on this machine: it builds what is needed, boots the
// cluster of scripts/cluster unless one is up, gives each test a namespace, keeps measured traffic on its Services, and
// can stand between a plugin and the API server to count, hold, change or lose what passes.
//
// A test package hands its TestMain over:
//
//	func TestMain(m *testing.M) { e2e.Main(m, "kubectl-bluegreen") }
//
// Measured figures are printed as a table at the end, and appended to the file that SWITCHYARD_FIGURES names.
//
// The tests need Linux and root. Elsewhere, and with SWITCHYARD_E2E=0, the reason is printed and nothing is run. A cluster
// that is up is used and left up; otherwise one is booted, and taken down at the end, whatever that end is: the tests run
// in a child process, so a panic, a timeout or an interrupt ends them and not the cleaning.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The environment of the tests.
const (
	// enableVariable set to 0 turns the tests off.
	enableVariable = "SWITCHYARD_E2E"
	// figuresVariable names a file that the measured figures are appended to.
	figuresVariable = "SWITCHYARD_FIGURES"
	// workVariable tells the child process where its parent put everything.
	workVariable = "SWITCHYARD_E2E_WORK"
)

// parallelTests is how many parallel tests run at a time unless -parallel is given: they wait for pods most of the time.
const parallelTests = 4

// exitInterrupted is the exit code of a run that a signal ended.
const exitInterrupted = 130

// Main runs the tests of m with the named plugins, folders of plugins/, built and found by kubectl. It does not return.
func Main(m *testing.M, plugins ...string) {
	if work := os.Getenv(workVariable); work != "" {
		os.Exit(runTests(m, work))
	}
	if slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.list=") }) {
		os.Exit(m.Run())
	}
	if why := unfit(); why != "" {
		fmt.Printf("end-to-end tests not run: %s\n", why)
		os.Exit(0)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := supervise(ctx, plugins)
	if err != nil {
		fmt.Fprintf(os.Stderr, "end-to-end tests: %v\n", err)
		code = max(code, 1)
	}
	if ctx.Err() != nil {
		code = exitInterrupted
	}
	os.Exit(code)
}

// unfit says why the tests cannot run here, and what to do; "" when they can.
func unfit() string {
	switch {
	case os.Getenv(enableVariable) == "0":
		return enableVariable + "=0 turns them off; unset it to run them"
	case runtime.GOOS != "linux":
		return "they boot a cluster from Linux namespaces, and this is " + runtime.GOOS + "; run them on Linux as root"
	case os.Geteuid() != 0:
		return fmt.Sprintf("they boot a cluster from network namespaces, which needs root, and this is user %d; run them as root, or set %s=0",
			os.Geteuid(), enableVariable)
	}
	return ""
}

// supervise prepares everything, runs the tests in a child process, and cleans up. The code is the child's.
func supervise(ctx context.Context, plugins []string) (int, error) {
	w, err := newWorkshop(ctx, plugins)
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(w.dir)
	return w.runOnCluster(ctx)
}

// runOnCluster finds or boots the cluster, runs the tests on it, and leaves it as it was found.
func (w *workshop) runOnCluster(ctx context.Context) (code int, err error) {
	leave, err := w.openCluster(ctx)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, leave()) }()
	if err := w.loadImages(ctx); err != nil {
		return 1, err
	}
	return w.runChild(ctx)
}

// testCommand returns the command line that runs the tests of this program: its own, without the test log. From that log go
// test would conclude that an old result still holds although a plugin, which only the build above reads, has changed.
func testCommand(own []string) []string {
	command := []string{own[0], fmt.Sprintf("-test.parallel=%d", parallelTests)}
	for _, arg := range own[1:] {
		if !strings.HasPrefix(arg, "-test.testlogfile=") {
			command = append(command, arg)
		}
	}
	return command
}

// runChild runs the tests and returns their exit code, which is at least 1 when they did not succeed.
func (w *workshop) runChild(ctx context.Context) (int, error) {
	child := exec.CommandContext(ctx, w.tests[0], w.tests[1:]...)
	child.Env = append(os.Environ(), workVariable+"="+w.dir)
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.Cancel = func() error { return child.Process.Signal(os.Interrupt) }
	child.WaitDelay = 10 * time.Second
	child.SysProcAttr = dieWithParent()
	err := child.Run()
	var exited *exec.ExitError
	if errors.As(err, &exited) {
		return max(exited.ExitCode(), 1), nil
	}
	return 0, err
}

// runTests is the child's part.
func runTests(m *testing.M, work string) int {
	if err := loadSite(work); err != nil {
		fmt.Fprintf(os.Stderr, "end-to-end tests: %v\n", err)
		return 1
	}
	code := m.Run()
	if err := figures.publish(os.Stdout, os.Getenv(figuresVariable)); err != nil {
		fmt.Fprintf(os.Stderr, "end-to-end tests: figures: %v\n", err)
		code = max(code, 1)
	}
	return code
}
