//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// process is the plugin as a process of its own, whose stdout has said its first line.
type process struct {
	*exec.Cmd
	out    *bufio.Reader
	pipe   io.Closer
	errOut bytes.Buffer
}

// start runs the plugin under the given name and reads its first line.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(self, args...)}
	p.Args[0] = name
	p.Env = append(os.Environ(), pluginVariable+"=1", "HOME="+t.TempDir(), "KUBECONFIG=/dev/null")
	p.Stderr = &p.errOut
	stdout, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	p.out, p.pipe = bufio.NewReader(stdout), stdout
	if _, err := p.out.ReadString('\n'); err != nil {
		t.Fatalf("no first line: %v", err)
	}
	return p
}

// signal sends sig to the process.
func (p *process) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := p.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// end waits for the process and returns its exit code and stderr; the code is -1 when a signal killed it.
func (p *process) end() (int, string) {
	_ = p.Wait()
	return p.ProcessState.ExitCode(), p.errOut.String()
}

func TestFirstSignalCancelsTheVerb(t *testing.T) {
	for name, sig := range map[string]os.Signal{"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			p := start(t, "kubectl-bluegreen", "wait")
			p.signal(t, sig)
			const want = "error: interrupted: wait for deployment web\n"
			if code, errOut := p.end(); code != 130 || errOut != want {
				t.Errorf("code %d, stderr %q; want 130, %q", code, errOut, want)
			}
		})
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	p := start(t, "kubectl-bluegreen", "wait", "hanging")
	p.signal(t, syscall.SIGINT)
	p.signal(t, syscall.SIGTERM)
	if code, errOut := p.end(); code != 130 || errOut != "" {
		t.Errorf("code %d, stderr %q; want 130 and nothing", code, errOut)
	}
}

func TestClosedPipeEndsQuietly(t *testing.T) {
	p := start(t, "kubectl-bluegreen", "flood")
	if err := p.pipe.Close(); err != nil {
		t.Fatal(err)
	}
	code, errOut := p.end()
	status := p.ProcessState.Sys().(syscall.WaitStatus)
	if code != -1 || status.Signal() != syscall.SIGPIPE || errOut != "" {
		t.Errorf("code %d, %v, stderr %q; want SIGPIPE and nothing", code, status, errOut)
	}
}

func TestCompletionName(t *testing.T) {
	p := start(t, "/usr/local/bin/kubectl_complete-bluegreen", "switch", "w")
	rest, err := io.ReadAll(p.out)
	if err != nil || string(rest) != ":4\n" {
		t.Errorf("after the first line: %q, %v; want the directive", rest, err)
	}
	if code, _ := p.end(); code != 0 {
		t.Errorf("code %d, want 0", code)
	}
}
