package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/output"
)

// Confirm asks a question on stderr that is answered with yes or no, and returns the answer; an empty one is no. When
// stdin is no terminal nothing is asked: that is an error with code exit.Usage. When ctx ends while it waits, its cause
// is returned.
func Confirm(ctx context.Context, env *Env, question string) (bool, error) {
	if !env.IsTerminal() {
		return false, exit.Errorf(exit.Usage, "stdin is no terminal: pass --yes to go on without being asked")
	}
	for {
		fmt.Fprintf(env.ErrOut, "%s [y/N] ", output.Escape(question))
		line, err := readLine(ctx, env.In)
		if err != nil {
			fmt.Fprintln(env.ErrOut)
		}
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return true, nil
		case "", "n", "no":
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return false, err
		}
		if err != nil {
			return false, fmt.Errorf("read the answer: %w", err)
		}
		fmt.Fprintln(env.ErrOut, "please answer yes or no")
	}
}

// readLine reads one line, without reading on behind it. It gives up when ctx ends; the read itself cannot be stopped
// and is then left behind.
func readLine(ctx context.Context, in io.Reader) (string, error) {
	type result struct {
		line string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		var line []byte
		for char := make([]byte, 1); ; {
			n, err := in.Read(char)
			if n == 1 && char[0] == '\n' {
				done <- result{string(line), nil}
				return
			}
			line = append(line, char[:n]...)
			if err != nil {
				done <- result{string(line), err}
				return
			}
		}
	}()
	select {
	case got := <-done:
		return got.line, got.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
