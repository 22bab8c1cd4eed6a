package artifact

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestParseVersion(t *testing.T) {
	for _, tc := range []struct {
		text, release, staging string
		fails                  bool
	}{
		{"v1.36.3", "v1.36.3", "v0.36.3", false},
		{"1.33.10", "v1.33.10", "v0.33.10", false},
		{"1.36", "", "", true},
		{"v1.36.3-rc.1", "", "", true},
		{"latest", "", "", true},
	} {
		t.Run(tc.text, func(t *testing.T) {
			v, err := ParseVersion(tc.text)
			if (err != nil) != tc.fails {
				t.Fatalf("got error %v, want failure %v", err, tc.fails)
			}
			if err == nil && (v.String() != tc.release || v.Staging() != tc.staging) {
				t.Errorf("got %s and %s, want %s and %s", v, v.Staging(), tc.release, tc.staging)
			}
		})
	}
}

func TestKubernetesGoMod(t *testing.T) {
	const released = `// generated

module k8s.io/kubernetes

go 1.26.0

godebug default=go1.26

require (
	k8s.io/api v0.0.0
	go.etcd.io/etcd/server/v3 v3.6.8 // indirect
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/kubectl => ./staging/src/k8s.io/kubectl
)
`
	const want = `// generated

module kubernetes

go 1.26.0

godebug default=go1.26

require (
	k8s.io/api v0.0.0
	go.etcd.io/etcd/server/v3 v3.6.8 // indirect
)

replace (
	k8s.io/api => k8s.io/api v0.36.3
	k8s.io/kubectl => k8s.io/kubectl v0.36.3
)

require k8s.io/kubernetes v1.36.3
`
	got, err := KubernetesGoMod(released, Version{36, 3})
	if err != nil || got != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
	if _, err := KubernetesGoMod("module k8s.io/kubernetes\n", Version{36, 3}); err == nil {
		t.Error("a go.mod without staging modules is accepted")
	}
}

func TestRouterGoMod(t *testing.T) {
	const released = `module github.com/traefik/traefik/v3

go 1.25.0

replace github.com/traefik/traefik/dynamic/ext => ./pkg/config/dynamic/ext

replace (
	github.com/gorilla/mux => github.com/containous/mux v0.0.1
)
`
	const want = `module router

go 1.25.0

replace github.com/traefik/traefik/dynamic/ext => ./ext

replace (
	github.com/gorilla/mux => github.com/containous/mux v0.0.1
)

require github.com/traefik/traefik/v3 v3.7.5
`
	if got, err := routerGoMod(released); err != nil || got != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
	if _, err := routerGoMod("module github.com/traefik/traefik/v3\n"); err == nil {
		t.Error("a go.mod without the nested module is accepted")
	}
}

func TestCacheKeyFollowsTheSource(t *testing.T) {
	c := Cache{Dir: "/c"}
	if c.entry("x", []byte("ab"), []byte("c")) == c.entry("x", []byte("a"), []byte("bc")) {
		t.Error("two different builds share a folder")
	}
	if c.KubernetesDir(Version{36, 3}) == c.KubernetesDir(Version{36, 2}) {
		t.Error("two versions share a folder")
	}
}

func TestProduceNeverKeepsHalfABuild(t *testing.T) {
	c := Cache{Dir: t.TempDir()}
	dir := filepath.Join(c.Dir, "build")
	fill := func(result error) func(string) error {
		return func(tmp string) error {
			if entries, err := os.ReadDir(tmp); err != nil || len(entries) != 0 {
				t.Errorf("the build begins with %v (%v), want an empty folder", entries, err)
			}
			if err := os.WriteFile(filepath.Join(tmp, "program"), nil, 0o755); err != nil {
				t.Fatal(err)
			}
			return result
		}
	}
	broken := errors.New("broken")
	if err := c.produce(dir, fill(broken)); !errors.Is(err, broken) {
		t.Fatalf("got %v, want the build's error", err)
	}
	if complete(dir) {
		t.Fatal("a failed build counts as complete")
	}
	if err := c.produce(dir, fill(nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "program")); err != nil {
		t.Fatal(err)
	}
	if err := c.produce(dir, func(string) error { t.Error("built again"); return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestProgress(t *testing.T) {
	clock := time.Unix(0, 0)
	report := func(terminal bool) string {
		var out bytes.Buffer
		p := newProgress(&out, terminal, func() time.Time { return clock })
		p.Step("begin")
		for range 25 {
			clock = clock.Add(time.Second)
			p.Update("working")
		}
		p.Step("done")
		return out.String()
	}
	const appended = "   0.0s  begin\n  10.0s  working\n  20.0s  working\n  25.0s  done\n"
	if got := report(false); got != appended {
		t.Errorf("appended lines are\n%s\nwant\n%s", got, appended)
	}
	if got := report(true); bytes.Count([]byte(got), []byte("\n")) != 2 || bytes.Count([]byte(got), []byte("\r\x1b[K")) != 27 {
		t.Errorf("on a terminal it prints %q, want one line rewritten 25 times between two steps", got)
	}
}
