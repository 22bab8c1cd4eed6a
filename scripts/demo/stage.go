package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// stage is where the demo plays: the programs it uses, the cluster, and the screen.
type stage struct {
	// bin holds the plugins, and in its folder tools the other programs.
	bin         string
	out, errOut io.Writer
	// kubectl, the cluster's own, and kubeconfig are set once the cluster is up.
	kubectl, kubeconfig string
}

// patience is how long a program gets to end by itself once it was interrupted: a release gives its lock back.
const patience = 10 * time.Second

// headline begins a new part of the demo.
func (s stage) headline(format string, args ...any) {
	fmt.Fprintf(s.out, "==> "+format+"\n", args...)
}

// command prepares a program that sees the plugins and the cluster. It is interrupted, not killed, when ctx ends, and
// gets a process group of its own, so that a Ctrl-C in the terminal does not reach it a second time.
func (s stage) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "PATH="+s.additions()+string(os.PathListSeparator)+os.Getenv("PATH"))
	if s.kubeconfig != "" {
		cmd.Env = append(cmd.Env, "KUBECONFIG="+s.kubeconfig)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	cmd.SysProcAttr = ownGroup()
	return cmd
}

// additions are the folders that PATH needs besides its own: the plugins', and the cluster's kubectl when there is none.
func (s stage) additions() string {
	if _, err := exec.LookPath("kubectl"); err != nil && s.kubectl != "" {
		return s.bin + string(os.PathListSeparator) + filepath.Dir(s.kubectl)
	}
	return s.bin
}

// kubectlProgram is the kubectl on PATH, else the cluster's own.
func (s stage) kubectlProgram() string {
	if found, err := exec.LookPath("kubectl"); err == nil {
		return found
	}
	return s.kubectl
}

// tool runs one of the programs in bin/tools; what it says goes to stderr, what it answers is returned.
func (s stage) tool(ctx context.Context, name string, args ...string) (string, error) {
	cmd := s.command(ctx, filepath.Join(s.bin, "tools", name), args...)
	cmd.Stderr = indented(s.errOut)
	answer, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return string(answer), err
}

// ask runs kubectl in the demo's namespace and returns what it prints. stdin may be empty.
func (s stage) ask(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := s.command(ctx, s.kubectlProgram(), append(args, "--namespace", namespace)...)
	cmd.Stdin = strings.NewReader(stdin)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	answer, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errors.String()))
	}
	return strings.TrimSpace(string(answer)), err
}

// perform shows a kubectl command in the demo's namespace and everything that it prints.
func (s stage) perform(ctx context.Context, args ...string) error {
	args = append(args, "--namespace", namespace)
	fmt.Fprintf(s.out, "    $ kubectl %s\n", strings.Join(args, " "))
	cmd := s.command(ctx, s.kubectlProgram(), args...)
	screen := indented(s.out)
	cmd.Stdout, cmd.Stderr = screen, screen
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("kubectl %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// indenter writes every line four columns to the right.
type indenter struct {
	to   io.Writer
	open bool
}

func indented(to io.Writer) *indenter { return &indenter{to: to} }

// Write implements io.Writer. A line that is rewritten with a carriage return is indented every time.
func (w *indenter) Write(p []byte) (int, error) {
	var out bytes.Buffer
	for _, c := range p {
		if !w.open && c != '\n' && c != '\r' {
			out.WriteString("    ")
			w.open = true
		}
		if c == '\n' || c == '\r' {
			w.open = false
		}
		out.WriteByte(c)
	}
	if _, err := w.to.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}
