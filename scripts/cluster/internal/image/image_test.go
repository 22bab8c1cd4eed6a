package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for _, tc := range []struct{ name, want string }{
		{"demo:v1", ""},
		{"localhost/team/demo:v1", ""},
		{"localhost:5000/demo:v1", ""},
		{"demo", "not of the form name:tag"},
		{"localhost:5000/demo", "not of the form name:tag"},
		{"demo:", "not of the form name:tag"},
		{":v1", "not of the form name:tag"},
		{"Demo:v1", "not of the form name:tag"},
		{"a b:v1", "not of the form name:tag"},
		{"", "not of the form name:tag"},
		{"demo:latest", "always pulls"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := CheckName(tc.name)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	spec := Spec{Name: "demo:v1", Binary: "/somewhere/web", Args: []string{"--color=green"}, Env: []string{"MODE=fast"}}
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := write(out, spec, []byte("program")); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same input gives different archives")
	}
	files := untar(t, first.Bytes())
	var manifests []archiveManifest
	decode(t, files["manifest.json"], &manifests)
	if len(manifests) != 1 || !reflect.DeepEqual(manifests[0].RepoTags, []string{"demo:v1"}) || len(manifests[0].Layers) != 1 {
		t.Fatalf("manifest is %+v, want one image demo:v1 with one layer", manifests)
	}
	layer := files[manifests[0].Layers[0]]
	var got imageConfig
	decode(t, files[manifests[0].Config], &got)
	want := imageConfig{
		Architecture: runtime.GOARCH, OS: "linux",
		Config: runConfig{Entrypoint: []string{"/web"}, Cmd: []string{"--color=green"}, Env: []string{"PATH=/", "MODE=fast"}},
		RootFS: rootFS{Type: "layers", DiffIDs: []string{"sha256:" + digest(layer)}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("config is %+v, want %+v", got, want)
	}
	root := untar(t, layer)
	if _, ok := root["tmp/"]; !ok || string(root["web"]) != "program" || len(root) != 2 {
		t.Errorf("the layer holds %v, want tmp/ and web", root)
	}
}

func TestCheckBinary(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	source := file("main.go", "package main\n\nfunc main() {}\n")
	build := func(arch string) string {
		out := filepath.Join(dir, arch)
		cmd := exec.Command("go", "build", "-o", out, source)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, text)
		}
		return out
	}
	if err := CheckBinary(build(runtime.GOARCH)); err != nil {
		t.Errorf("static program: %v", err)
	}
	if err := CheckBinary(file("script", "#!/bin/sh\n")); err == nil || !strings.Contains(err.Error(), "not a Linux executable") {
		t.Errorf("script: got %v", err)
	}
	if err := CheckBinary("/bin/sh"); runtime.GOOS == "linux" && (err == nil || !strings.Contains(err.Error(), "dynamically linked")) {
		t.Errorf("/bin/sh: got %v, want dynamically linked", err)
	}
}

func untar(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
}
