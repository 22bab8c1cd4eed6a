package e2e_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/e2e"
)

// onTerminal runs a shell script on a terminal of the given width for at most so many seconds, and returns all that it
// wrote there. It needs script of util-linux or bsdutils, which every Debian has.
func onTerminal(t *testing.T, n *e2e.Namespace, columns, seconds, command string) string {
	t.Helper()
	if _, err := exec.LookPath("script"); err != nil {
		t.Fatalf("a terminal needs the program script (Debian: bsdutils): %v", err)
	}
	inner := n.WriteFile("inner.sh", "stty cols "+columns+" rows 40\nunset NO_COLOR\nexport TERM=xterm\n"+command+"\n")
	return n.Shell("timeout -s INT " + seconds + " script -qefc 'sh " + inner + "' /dev/null </dev/null || true")
}

const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
)

// What a person sees on a terminal, and a program in a pipe.
func TestTerminalAndPipe(t *testing.T) {
	t.Parallel()
	n := e2e.NewNamespace(t)
	n.Apply(blue + "---" + green)
	n.Rollout("deployment/hello-blue", "deployment/hello-green")

	t.Run("status -w redraws on a terminal and gives the cursor back", func(t *testing.T) {
		n := n.With(t)
		go func() { // in the middle of the watch
			time.Sleep(2 * time.Second)
			_ = n.Try("scale", "deployment/hello-green", "--replicas=1")
		}()
		text := onTerminal(t, n, "120", "10", "timeout --foreground -s INT 5 kubectl bluegreen status hello -w")
		if !strings.Contains(text, hideCursor) || !strings.Contains(text, showCursor) || strings.LastIndex(text, showCursor) < strings.LastIndex(text, hideCursor) {
			t.Errorf("the cursor is not hidden and given back:\n%q", text)
		}
		if !strings.Contains(text, "\x1b[J") && !strings.Contains(text, "\x1b[K") {
			t.Errorf("nothing is redrawn:\n%q", text)
		}
	})
	t.Run("status -w appends lines to a pipe", func(t *testing.T) {
		n := n.With(t)
		n.Kubectl("scale", "deployment/hello-green", "--replicas=2")
		n.Rollout("deployment/hello-green")
		watch := n.Start(bluegreen("status", "-w")...)
		n.Eventually(10*time.Second, "the first line", func() bool { return strings.Count(watch.Stdout(), "\n") > 0 })
		n.Kubectl("scale", "deployment/hello-green", "--replicas=1")
		n.Eventually(10*time.Second, "a line for the change", func() bool { return strings.Contains(watch.Stdout(), "green 1/1") })
		if text := watch.Stdout(); strings.Contains(text, "\x1b") || strings.Contains(text, "\r") {
			t.Errorf("control sequences in a pipe:\n%q", text)
		}
	})
	t.Run("colour on a terminal, none with NO_COLOR or in a pipe", func(t *testing.T) {
		n := n.With(t)
		const colour = "\x1b["
		if text := onTerminal(t, n, "120", "10", "kubectl bluegreen status hello"); !strings.Contains(text, colour) {
			t.Errorf("no colour on a terminal:\n%q", text)
		}
		if text := onTerminal(t, n, "120", "10", "NO_COLOR=1 kubectl bluegreen status hello"); strings.Contains(text, colour) {
			t.Errorf("colour in spite of NO_COLOR:\n%q", text)
		}
		if text := n.Want(0, bluegreen("status")...).Stdout; strings.Contains(text, colour) {
			t.Errorf("colour in a pipe:\n%q", text)
		}
	})
	t.Run("nothing is lost on a narrow terminal", func(t *testing.T) {
		n := n.With(t)
		text := onTerminal(t, n, "40", "10", "kubectl bluegreen status hello")
		for _, word := range []string{"hello-blue", "hello-green", "localhost/demoapp:v1"} {
			if !strings.Contains(text, word) {
				t.Errorf("%q is missing on 40 columns:\n%s", word, text)
			}
		}
	})
	t.Run("a question on a terminal is answered there", func(t *testing.T) {
		n := n.With(t)
		n.Kubectl("scale", "deployment/hello-green", "--replicas=2")
		n.Rollout("deployment/hello-green")
		text := n.Shell("printf 'n\\n' | timeout 20 script -qefc 'kubectl bluegreen switch hello' /dev/null || echo exit code $?")
		if !strings.Contains(text, "exit code 2") || active(n, "version") != "blue" {
			t.Errorf("no is no: want exit code 2 and nothing changed, on %s:\n%s", active(n, "version"), text)
		}
	})
	t.Run("a pipe that is closed ends it quietly", func(t *testing.T) {
		n := n.With(t)
		if text := n.Shell("kubectl bluegreen --help | head -n 1; kubectl bluegreen status hello -o yaml | head -n 1"); strings.Count(text, "\n") != 2 {
			t.Errorf("want two lines and no more:\n%s", text)
		}
	})
	t.Run("JSON is for programs, and exit codes pass through kubectl", func(t *testing.T) {
		n := n.With(t)
		var document struct {
			APIVersion, Kind, Active string
		}
		out := n.Shell("kubectl bluegreen status hello -o json 2>/dev/null")
		if err := json.Unmarshal([]byte(out), &document); err != nil || document.APIVersion != "switchyard/v1" || document.Kind != "BlueGreenStatus" || document.Active == "" {
			t.Errorf("%v: %+v\n%s", err, document, out)
		}
		n.Want(2, "bluegreen", "status", "helo")
		n.Want(7, bluegreen("status", "--server", "http://127.0.0.1:1")...)
	})
}
