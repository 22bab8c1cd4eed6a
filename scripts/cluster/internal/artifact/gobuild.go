package artifact

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// goBuild is one program to build in a module folder of its own.
type goBuild struct {
	// What names the program in messages.
	What string
	// Dir is the module's folder, Package what is built in it, Output the program's file.
	Dir, Package, Output string
	LDFlags              string
}

// run builds the program, reporting how many packages are done. Packages that Go has in its own build cache are not
// counted.
func (b goBuild) run(ctx context.Context, report *Progress) error {
	report.Step(fmt.Sprintf("building %s: resolving modules", b.What))
	stale, err := b.stale(ctx)
	if err != nil {
		return err
	}
	total := max(stale, 1)
	report.Step(fmt.Sprintf("building %s: %d packages to compile", b.What, total))
	var errOut bytes.Buffer
	cmd := b.command(ctx, "build", "-v", "-o", b.Output, "-ldflags", b.LDFlags, b.Package)
	pipe, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	done := 0
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		line := lines.Text()
		// With -v each compiled package is a line of its own; anything else is a message.
		if strings.ContainsAny(line, " \t#") {
			if !strings.HasPrefix(line, "go: downloading ") {
				fmt.Fprintln(&errOut, line)
			}
			continue
		}
		done++
		report.Update(fmt.Sprintf("building %s: %d of %d packages, %s", b.What, done, max(total, done), line))
	}
	if err := cmd.Wait(); err != nil {
		return b.failure(ctx, err, errOut.String())
	}
	return nil
}

// stale counts the packages that must be compiled, resolving and downloading modules on the way.
func (b goBuild) stale(ctx context.Context) (int, error) {
	var out, errOut bytes.Buffer
	cmd := b.command(ctx, "list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}", b.Package)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return 0, b.failure(ctx, err, errOut.String())
	}
	return len(strings.Fields(out.String())), nil
}

// command is a go command with the settings of a build that depends on nothing of this machine: no C compiler, no
// workspace, no file path, no flags from the environment.
func (b goBuild) command(ctx context.Context, verb string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", append([]string{verb, "-mod=mod", "-trimpath", "-buildvcs=false"}, args...)...)
	cmd.Dir = b.Dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=", "GOOS=linux")
	// The compilers that go has started must end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	return cmd
}

func (b goBuild) failure(ctx context.Context, err error, output string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var missing *exec.Error
	if errors.As(err, &missing) {
		return fmt.Errorf("cannot build %s: %w; install Go and put it on PATH", b.What, err)
	}
	return fmt.Errorf("cannot build %s: %w\n%s", b.What, err, lastLines(output, 20))
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// moduleDir downloads a module version and returns its folder, which is read-only.
func moduleDir(ctx context.Context, module, version string) (string, error) {
	var out, errOut bytes.Buffer
	query := module + "@" + version
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", query)
	cmd.Dir, cmd.Stdout, cmd.Stderr = os.TempDir(), &out, &errOut
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	runErr := cmd.Run()
	dir, err := downloadedDir(out.Bytes())
	if err == nil && dir != "" {
		return dir, nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return "", fmt.Errorf("cannot download Go module %s: %w\n%s", query, errors.Join(err, runErr), lastLines(errOut.String(), 5))
}

// writeFiles writes the files of a module folder.
func writeFiles(dir string, files map[string][]byte) error {
	for name, data := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// downloadedDir reads the output of `go mod download -json`.
func downloadedDir(out []byte) (string, error) {
	var m struct{ Dir, Error string }
	if err := json.Unmarshal(out, &m); err != nil {
		return "", err
	}
	if m.Error != "" {
		return "", errors.New(m.Error)
	}
	return m.Dir, nil
}
