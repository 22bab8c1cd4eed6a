package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asApplication makes the test binary be the application itself.
const asApplication = "DEMOAPP_TEST_AS_APPLICATION"

func TestMain(m *testing.M) {
	if os.Getenv(asApplication) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// patience bounds every wait of these tests; none of them depends on its length.
const patience = 30 * time.Second

// process is the application in a process of its own, on loopback ports that the system chose.
type process struct {
	t       *testing.T
	command *exec.Cmd
	lines   chan string // of its log
	all     []string
	ports   map[string]string // address by port name
}

func startProcess(t *testing.T, environment ...string) *process {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(environment, asApplication+"=1", "LISTEN_HOST=127.0.0.1")
	if !strings.Contains(strings.Join(environment, "\n"), "PORTS=") {
		command.Env = append(command.Env, "PORTS=http=0")
	}
	log, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, command: command, lines: make(chan string, 1000), ports: map[string]string{}}
	go func() {
		defer close(p.lines)
		for scanner := bufio.NewScanner(log); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() { command.Process.Kill(); command.Wait() })
	return p
}

var listening = regexp.MustCompile(`listening: port (\S+) on (\S+)`)

// waitFor reads the log up to a line that contains text.
func (p *process) waitFor(text string) {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, open := <-p.lines:
			if !open {
				p.t.Fatalf("the process ended before %q; log:\n%s", text, strings.Join(p.all, "\n"))
			}
			p.all = append(p.all, line)
			if found := listening.FindStringSubmatch(line); found != nil {
				p.ports[found[1]] = found[2]
			}
			if strings.Contains(line, text) {
				return
			}
		case <-timeout:
			p.t.Fatalf("no %q in the log:\n%s", text, strings.Join(p.all, "\n"))
		}
	}
}

// exitCode waits for the end and returns the code and the last line of the log.
func (p *process) exitCode() (code int, last string) {
	p.t.Helper()
	for line := range p.lines {
		p.all = append(p.all, line)
	}
	p.command.Wait()
	return p.command.ProcessState.ExitCode(), p.all[len(p.all)-1]
}

func (p *process) terminate() {
	p.t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) url(path string) string { return "http://" + p.ports["http"] + path }

// reply is an answer, read in full.
type reply struct {
	status int
	header http.Header
	closed bool // `Connection: close`
	body   string
	err    error
}

func send(client *http.Client, url string) reply {
	r, err := client.Get(url)
	if err != nil {
		return reply{err: err}
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return reply{r.StatusCode, r.Header, r.Close, string(body), err}
}

func newClient(t *testing.T) *http.Client {
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func wantReply(t *testing.T, got reply, status int, body string) {
	t.Helper()
	if got.err != nil || got.status != status || got.body != body {
		t.Errorf("got %d %q, error %v; want %d %q", got.status, got.body, got.err, status, body)
	}
}

func TestBadVariableExitsWith2(t *testing.T) {
	p := startProcess(t, "LATENCY=fast")
	code, last := p.exitCode()
	want := `demoapp: LATENCY="fast": must be a duration of 0 or more, such as 250ms or 2s`
	if code != 2 || last != want {
		t.Errorf("exit code %d, %q; want 2, %q", code, last, want)
	}
}

func TestSeveralPortsAnswerWithTheirNames(t *testing.T) {
	p := startProcess(t, "PORTS=http=0,admin=0", "VERSION=v1", "POD_NAME=pod-1")
	p.waitFor("started")
	client := newClient(t)
	for _, name := range []string{"http", "admin"} {
		got := send(client, "http://"+p.ports[name]+"/shop")
		wantReply(t, got, 200, fmt.Sprintf("v1 pod=pod-1 port=%s GET \"/shop\"\n", name))
		if h := got.header; h.Get("X-Version") != "v1" || h.Get("X-Pod") != "pod-1" || h.Get("X-Port") != name {
			t.Errorf("headers %v", h)
		}
	}
}

func TestPortInUseExitsWith1(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p := startProcess(t, fmt.Sprintf("PORTS=http=%d", listener.Addr().(*net.TCPAddr).Port))
	if code, last := p.exitCode(); code != 1 || !strings.Contains(last, "address already in use") {
		t.Errorf("exit code %d, %q", code, last)
	}
}

func TestRefusingStartup(t *testing.T) {
	p := startProcess(t, "STARTUP=1h")
	p.waitFor("demoapp")
	p.terminate()
	code, last := p.exitCode()
	if code != 0 || !strings.HasSuffix(last, "drained, exiting") || strings.Contains(strings.Join(p.all, ""), "listening") {
		t.Errorf("exit code %d, log:\n%s", code, strings.Join(p.all, "\n"))
	}
}

func TestPortsOpenAfterRefusingStartup(t *testing.T) {
	began := time.Now()
	p := startProcess(t, "STARTUP=300ms")
	p.waitFor("started after 300ms")
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("started after %v", took)
	}
	wantReply(t, send(newClient(t), p.url("/readyz")), 200, "ok\n")
}

func TestUnreadyStartup(t *testing.T) {
	p := startProcess(t, "STARTUP=1h", "STARTUP_MODE=unready")
	p.waitFor("listening")
	client := newClient(t)
	for path, want := range map[string]int{"/readyz": 503, "/startupz": 503, "/": 503, "/healthz": 200, "/metrics": 200} {
		if got := send(client, p.url(path)); got.status != want {
			t.Errorf("%s: got %d %q, want %d", path, got.status, got.body, want)
		}
	}
}

func TestGracefulShutdown(t *testing.T) {
	p := startProcess(t, "DRAIN_DELAY=3s", "VERSION=v1", "POD_NAME=p")
	p.waitFor("started")
	client, slow := newClient(t), make(chan reply)
	go func() { slow <- send(newClient(t), p.url("/slow?d=4s")) }()
	for !strings.Contains(send(client, p.url("/metrics")).body, `http_requests_in_flight{version="v1"} 1`) {
		time.Sleep(5 * time.Millisecond)
	}
	p.terminate()
	p.waitFor("draining")

	// Two requests on the connection that is open, and a new one: all are served, told to leave.
	for range 2 {
		got := send(client, p.url("/a"))
		wantReply(t, got, 200, "v1 pod=p port=http GET \"/a\"\n")
		if !got.closed {
			t.Error("the answer while draining lacks Connection: close")
		}
	}
	wantReply(t, send(client, p.url("/readyz")), 503, "draining\n")
	got := <-slow
	wantReply(t, got, 200, "v1 pod=p port=http waited=4s\n")
	if !got.closed {
		t.Error("the answer in flight lacks Connection: close")
	}
	if code, last := p.exitCode(); code != 0 || !strings.HasSuffix(last, "drained, exiting") {
		t.Errorf("exit code %d, %q", code, last)
	}
	if got := send(client, p.url("/")); got.err == nil {
		t.Errorf("still answers: %v", got)
	}
}

func TestHangingProbeDoesNotBlockTheShutdown(t *testing.T) {
	p := startProcess(t, "READY_MODE=body-hang")
	p.waitFor("started")
	r, err := newClient(t).Get(p.url("/readyz"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	p.terminate()
	if _, err := io.ReadAll(r.Body); err == nil {
		t.Error("the hanging body ended without an error")
	}
	if code, _ := p.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestAbruptShutdownBreaksRequestsInFlight(t *testing.T) {
	p := startProcess(t, "SHUTDOWN=abrupt", "VERSION=v1")
	p.waitFor("started")
	slow := make(chan reply)
	go func() { slow <- send(newClient(t), p.url("/slow?d=1h")) }()
	for !strings.Contains(send(newClient(t), p.url("/metrics")).body, `http_requests_in_flight{version="v1"} 1`) {
		time.Sleep(5 * time.Millisecond)
	}
	p.terminate()
	if code, _ := p.exitCode(); code != 143 {
		t.Errorf("exit code %d, want 143", code)
	}
	if got := <-slow; got.err == nil {
		t.Errorf("the request in flight was answered: %v", got)
	}
}

func TestIgnoredShutdown(t *testing.T) {
	p := startProcess(t, "SHUTDOWN=ignore")
	p.waitFor("started")
	p.terminate()
	p.waitFor("SIGTERM: ignored")
	if got := send(newClient(t), p.url("/readyz")); got.status != 200 {
		t.Errorf("got %v", got)
	}
}

func TestCrash(t *testing.T) {
	p := startProcess(t, "CRASH_AFTER=50ms", "CRASH_CODE=42")
	code, last := p.exitCode()
	if code != 42 || !strings.HasSuffix(last, "fatal: CRASH_AFTER=50ms has passed, exiting with code 42") {
		t.Errorf("exit code %d, last line %q", code, last)
	}
}
