package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeCluster stands for the cluster tool: it is up while the file "up" is there, and writes down what it was asked for.
const fakeCluster = `#!/bin/sh
cd "$(dirname "$0")"
case $1 in
status) if test -e up; then echo '{"state":"up","kubectl":"/bin/true"}'; else echo '{"state":"down"}'; exit 1; fi ;;
up) echo "$*" >>asked; touch up ;;
down) echo "$*" >>asked; rm -f up ;;
esac
`

// The cluster ends as it began, whatever becomes of the tests.
func TestClusterIsLeftAsFound(t *testing.T) {
	for _, c := range []struct {
		name  string
		up    bool
		tests string
		// interrupted after the tests have begun
		interrupted bool
		code        int
		asked       string
	}{
		{"tests pass", false, "exit 0", false, 0, "up --nodes 2, down"},
		{"tests fail", false, "exit 1", false, 1, "up --nodes 2, down"},
		{"a test panics", false, "exit 2", false, 2, "up --nodes 2, down"},
		{"the tests are killed", false, "kill -9 $$", false, 1, "up --nodes 2, down"},
		{"interrupted", false, "exec sleep 60", true, 1, "up --nodes 2, down"},
		{"a cluster is up, tests pass", true, "exit 0", false, 0, ""},
		{"a cluster is up, interrupted", true, "exec sleep 60", true, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "cluster"), []byte(fakeCluster), 0o700); err != nil {
				t.Fatal(err)
			}
			if c.up {
				if err := os.WriteFile(filepath.Join(dir, "up"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			w := &workshop{dir: dir, lockFile: filepath.Join(dir, "lock"), tests: []string{"/bin/sh", "-c", "touch begun; " + c.tests}}
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			t.Chdir(dir)
			if c.interrupted {
				go func() {
					for _, err := os.Stat("begun"); err != nil; _, err = os.Stat("begun") {
						time.Sleep(10 * time.Millisecond)
					}
					interrupt()
				}()
			}
			code, err := w.runOnCluster(ctx)
			if code != c.code || err != nil {
				t.Errorf("exit code %d, error %v, want %d and none", code, err, c.code)
			}
			asked, _ := os.ReadFile("asked")
			if got := strings.Join(strings.FieldsFunc(string(asked), func(r rune) bool { return r == '\n' }), ", "); got != c.asked {
				t.Errorf("the tool was asked for %q, want %q", got, c.asked)
			}
		})
	}
}

func TestTestCommand(t *testing.T) {
	got := testCommand([]string{"/tmp/e2e.test", "-test.testlogfile=/tmp/log", "-test.v=true", "-test.parallel=2"})
	if want := []string{"/tmp/e2e.test", "-test.parallel=4", "-test.v=true", "-test.parallel=2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTurnedOff(t *testing.T) {
	t.Setenv(enableVariable, "0")
	if got, want := unfit(), "SWITCHYARD_E2E=0 turns them off; unset it to run them"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
