package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// commandTimeout bounds every command.
const commandTimeout = 5 * time.Minute

// Result is how a command ended.
type Result struct {
	// Command is the command line without a shell's quoting, for messages.
	Command        string
	Stdout, Stderr string
	// Code is the exit code, -1 after a signal that the command did not handle.
	Code int
	// Took is the wall time from the start of the process to its end.
	Took time.Duration
}

// String shows the command with everything that it printed.
func (r Result) String() string {
	return fmt.Sprintf("$ %s\nexit code %d after %.2f s\n--- stdout\n%s--- stderr\n%s", r.Command, r.Code, r.Took.Seconds(), r.Stdout, r.Stderr)
}

// Process is a command that runs in the background. It is killed when its test ends.
type Process struct {
	t       testing.TB
	cmd     *exec.Cmd
	started time.Time
	stdout  *buffer
	stderr  *buffer
	ended   chan struct{}
	result  Result
}

// start starts kubectl, which execs a plugin: the process id stays the same.
func start(t testing.TB, kubeconfig, stdin string, args []string) *Process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	kubectl, err := lookKubectl()
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{t: t, cmd: exec.CommandContext(ctx, kubectl, args...), stdout: &buffer{}, stderr: &buffer{}, ended: make(chan struct{})}
	p.cmd.Env = here.environment(kubeconfig)
	p.cmd.Stdin = strings.NewReader(stdin)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	p.cmd.WaitDelay = 5 * time.Second
	p.cmd.SysProcAttr = dieWithParent()
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.reap(cancel)
	t.Cleanup(func() {
		p.Kill()
		<-p.ended
	})
	return p
}

// lookKubectl finds kubectl as a shell with the environment of the tests does.
func lookKubectl() (string, error) {
	if path, err := exec.LookPath("kubectl"); err == nil {
		return path, nil
	}
	return exec.LookPath((&workshop{dir: here.work}).bin() + "/kubectl")
}

func (p *Process) reap(cancel context.CancelFunc) {
	defer close(p.ended)
	defer cancel()
	err := p.cmd.Wait()
	p.result = Result{Command: strings.Join(append([]string{"kubectl"}, p.cmd.Args[1:]...), " "), Stdout: p.stdout.String(), Stderr: p.stderr.String(),
		Code: p.cmd.ProcessState.ExitCode(), Took: time.Since(p.started)}
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		p.result.Stderr += fmt.Sprintf("(the test could not wait for it: %v)\n", err)
	}
}

// Wait waits for the command to end.
func (p *Process) Wait() Result {
	<-p.ended
	return p.result
}

// Done is closed when the command has ended.
func (p *Process) Done() <-chan struct{} { return p.ended }

// PID is the process id, of kubectl at first and then of the plugin that it becomes.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the process as kill -9 does; one that has ended already is left alone.
func (p *Process) Kill() { _ = p.cmd.Process.Kill() }

// Signal sends a signal such as os.Interrupt.
func (p *Process) Signal(signal os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatalf("signal %v to %v: %v", signal, p.cmd.Args, err)
	}
}

// Stdout returns what the command has written to stdout so far.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr returns what the command has written to stderr so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// AwaitStderr waits until stderr contains text, and fails the test when the command ends, or the time passes, before.
func (p *Process) AwaitStderr(text string, timeout time.Duration) {
	p.t.Helper()
	deadline := time.After(timeout)
	for !strings.Contains(p.Stderr(), text) {
		select {
		case <-p.ended:
			if !strings.Contains(p.Stderr(), text) {
				p.t.Fatalf("it ended without %q on stderr:\n%v", text, p.result)
			}
			return
		case <-deadline:
			p.t.Fatalf("no %q on stderr after %v:\n%s", text, timeout, p.Stderr())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// buffer is a bytes.Buffer that may be read while it is written.
type buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

// Write implements io.Writer.
func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

// String returns all that was written.
func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}
