package kube

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

// kubeconfig writes a configuration for the server and returns flags that use it.
func kubeconfig(t *testing.T, server string) *genericclioptions.ConfigFlags {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	text := `
apiVersion: v1
kind: Config
clusters: [{name: here, cluster: {server: "` + server + `"}}]
users: [{name: me, user: {token: secret}}]
contexts: [{name: work, context: {cluster: here, user: me, namespace: shop}}, {name: bare, context: {cluster: here, user: me}}]
current-context: work`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := genericclioptions.NewConfigFlags(false)
	*flags.KubeConfig = path
	return flags
}

func TestNewNamespace(t *testing.T) {
	tests := []struct{ name, context, flag, want string }{
		{"the context's", "", "", "shop"},
		{"the flag's", "", "other", "other"},
		{"neither", "bare", "", "default"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			flags := kubeconfig(t, "http://127.0.0.1:1")
			*flags.Context, *flags.Namespace = test.context, test.flag
			client, err := New(flags)
			if err != nil || client.Namespace != test.want {
				t.Errorf("got %+v, %v, want %s", client, err, test.want)
			}
		})
	}
}

func TestNewWithoutConfiguration(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*genericclioptions.ConfigFlags)
		want  string
	}{
		{"no such context", func(f *genericclioptions.ConfigFlags) { *f.Context = "prod" }, "read the kubeconfig: invalid configuration: context was not found for specified context: prod"},
		{"no file", func(f *genericclioptions.ConfigFlags) { *f.KubeConfig = "/nowhere/config" }, "read the kubeconfig: stat /nowhere/config: no such file or directory"},
		{"a bad timeout", func(f *genericclioptions.ConfigFlags) { *f.Timeout = "soon" }, `read the kubeconfig: Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			flags := kubeconfig(t, "http://127.0.0.1:1")
			test.spoil(flags)
			_, err := New(flags)
			if err == nil || err.Error() != test.want || exit.CodeOf(err) != exit.Usage {
				t.Errorf("got  %v (exit code %d)\nwant %s (exit code %d)", err, exit.CodeOf(err), test.want, exit.Usage)
			}
		})
	}
}

// TestRequestTimeout: --request-timeout cuts a request, and leaves watches alone.
func TestRequestTimeout(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(200 * time.Millisecond)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"kind":"PodList","apiVersion":"v1","items":[]}`))
	}))
	defer server.Close()
	flags := kubeconfig(t, server.URL)
	*flags.Timeout = "50ms"
	client, err := New(flags)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Typed.CoreV1().Pods("shop").List(t.Context(), metav1.ListOptions{}); !requestEnded(t.Context(), err) {
		t.Errorf("a request got %v, want a timeout", err)
	}
	if _, err := client.Watching.CoreV1().Pods("shop").List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Errorf("a watcher's request got %v", err)
	}
}

func TestNow(t *testing.T) {
	tests := []struct {
		name  string
		ahead time.Duration
		want  time.Duration
	}{
		{"the same clock", 0, 0},
		{"too little to tell", time.Second, 0},
		{"the server is ahead", time.Minute, time.Minute},
		{"the server is behind", -time.Hour, -time.Hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", time.Now().Add(test.ahead).UTC().Format(http.TimeFormat))
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(`{"kind":"PodList","apiVersion":"v1","items":[]}`))
			}))
			defer server.Close()
			client, err := New(kubeconfig(t, server.URL))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Typed.CoreV1().Pods("shop").List(t.Context(), metav1.ListOptions{}); err != nil {
				t.Fatal(err)
			}
			if off := time.Until(client.Now()) - test.want; off.Abs() > 2*time.Second {
				t.Errorf("Now is %s ahead, want about %s", time.Until(client.Now()), test.want)
			}
		})
	}
}

func TestNowWithoutAnAnswer(t *testing.T) {
	for name, client := range map[string]*Client{"made by hand": {}, "no Date": {skew: &skew{}}} {
		if client.skew != nil {
			client.skew.note("yesterday", time.Now(), time.Now())
		}
		if off := time.Until(client.Now()); off.Abs() > time.Second {
			t.Errorf("%s: Now is %s ahead", name, off)
		}
	}
}
