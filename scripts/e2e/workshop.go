package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Images of the demo application (scripts/demoapp), by tag of localhost/demoapp, with the environment that sets their
// behaviour. A Deployment of the tests must not set the same variables: a container's own go first.
var images = map[string][]string{
	"v1":      {"VERSION=v1"},
	"v2":      {"VERSION=v2"},
	"v3":      {"VERSION=v3"},
	"crash":   {"VERSION=crash", "CRASH_AFTER=1s", "CRASH_CODE=3"},
	"unready": {"VERSION=unready", "READY_MODE=fail"},
	// wilting is ready for some seconds, and then is not any more.
	"wilting": {"VERSION=wilting", "READY_MODE=fail-after=6s"},
	// faulty is ready, and answers every third request with 500.
	"faulty": {"VERSION=faulty", "ERROR_RATE=0.33"},
}

// Image returns the name of the demo application's image with a tag of images: v1, v2, v3, crash, unready, wilting, faulty.
func Image(tag string) string {
	if _, ok := images[tag]; !ok {
		panic(fmt.Sprintf("there is no demo image %q", tag))
	}
	return "localhost/demoapp:" + tag
}

// workshop is what the parent process works with.
type workshop struct {
	// dir is the folder that everything is built in.
	dir string
	// lockFile is locked while a cluster is used.
	lockFile string
	// tests is the command line of the tests.
	tests []string
}

// site is what `cluster status -o json` tells, and what the child process is told.
type site struct {
	State      string `json:"state"`
	Kubeconfig string `json:"kubeconfig"`
	Kubectl    string `json:"kubectl"`
	Router     string `json:"router"`
	Nodes      []struct {
		Name string `json:"name"`
		IP   string `json:"ip"`
	} `json:"nodes"`
	work string
}

// newWorkshop builds the plugins, the cluster tool and the demo application from source.
func newWorkshop(ctx context.Context, plugins []string) (*workshop, error) {
	dir, err := os.MkdirTemp("", "switchyard-e2e-")
	if err != nil {
		return nil, err
	}
	w := &workshop{dir: dir, lockFile: filepath.Join(os.TempDir(), "switchyard-e2e.lock"), tests: testCommand(os.Args)}
	if err := w.build(ctx, plugins); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return w, nil
}

func (w *workshop) build(ctx context.Context, plugins []string) error {
	root, err := run(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	root = strings.TrimSpace(root)
	if err := os.Mkdir(filepath.Join(w.dir, "home"), 0o755); err != nil {
		return err
	}
	for _, plugin := range plugins {
		if _, err := run(ctx, root, "go", "build", "-o", filepath.Join(w.bin(), plugin), "./plugins/"+plugin); err != nil {
			return err
		}
	}
	for _, tool := range []string{"cluster", "demoapp"} {
		if _, err := run(ctx, filepath.Join(root, "scripts", tool), "go", "build", "-o", filepath.Join(w.dir, tool), "."); err != nil {
			return err
		}
	}
	return nil
}

// bin is the folder that comes first in the PATH of kubectl.
func (w *workshop) bin() string { return filepath.Join(w.dir, "bin") }

// openCluster finds or boots the cluster. leave must be called at the end; it takes down what was booted here.
//
// Test packages may run side by side. The lock lets a package that boots a cluster have it alone, so that it is not
// pulled away under another one; packages that find one up share it.
func (w *workshop) openCluster(ctx context.Context) (leave func() error, err error) {
	file, err := os.OpenFile(w.lockFile, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	for _, exclusive := range []bool{false, true} {
		if err := lock(ctx, file, exclusive); err != nil {
			return nil, fmt.Errorf("lock %s: %w", file.Name(), err)
		}
		up, err := w.findCluster(ctx)
		if err != nil {
			return nil, err
		}
		if up {
			return file.Close, nil
		}
	}
	fmt.Println("booting a cluster for the end-to-end tests")
	leave = func() error { return errors.Join(w.down(), file.Close()) }
	if err := w.tool(ctx, "up", "--nodes", "2"); err != nil {
		return nil, errors.Join(err, w.down())
	}
	up, err := w.findCluster(ctx)
	if err == nil && !up {
		err = errors.New("the cluster is not healthy after it was booted; see `cluster status`")
	}
	if err != nil {
		return nil, errors.Join(err, w.down())
	}
	return leave, nil
}

// findCluster tells whether a healthy cluster is up, and leaves its description for the child process. One that is up but
// not whole is an error: it belongs to somebody.
func (w *workshop) findCluster(ctx context.Context) (bool, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(w.dir, "cluster"), "status", "-o", "json").Output()
	var s site
	if parseErr := json.Unmarshal(out, &s); parseErr != nil {
		return false, errors.Join(fmt.Errorf("cluster status: %w", parseErr), err)
	}
	switch s.State {
	case "up":
		return true, errors.Join(os.WriteFile(w.siteFile(), out, 0o600), w.provideKubectl(s.Kubectl))
	case "degraded", "starting":
		return false, fmt.Errorf("a cluster is there, but it is %s; mend it, or take it down with `cluster down`", s.State)
	}
	return false, nil
}

func (w *workshop) siteFile() string { return filepath.Join(w.dir, "site.json") }

// provideKubectl puts the cluster's own kubectl on the PATH when there is no other.
func (w *workshop) provideKubectl(own string) error {
	if _, err := exec.LookPath("kubectl"); err == nil {
		return nil
	}
	err := os.Symlink(own, filepath.Join(w.bin(), "kubectl"))
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}

// down takes the cluster down. It has a time of its own, since it also runs after an interrupt.
func (w *workshop) down() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return w.tool(ctx, "down")
}

// tool runs the cluster tool; what it says goes to stderr.
func (w *workshop) tool(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(w.dir, "cluster"), args...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cluster %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// loadImages gives the demo application's images to the nodes.
func (w *workshop) loadImages(ctx context.Context) error {
	for tag, env := range images {
		args := []string{"image", "load", "--name", Image(tag), "--binary", filepath.Join(w.dir, "demoapp")}
		for _, one := range env {
			args = append(args, "--env", one)
		}
		if _, err := run(ctx, "", filepath.Join(w.dir, "cluster"), args...); err != nil {
			return err
		}
	}
	return nil
}

// run runs a program without cgo in its builds and returns its standard output.
func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, problems.Bytes())
	}
	return out.String(), nil
}
