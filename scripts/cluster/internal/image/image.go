// Package image writes container images: a docker-archive with one layer that holds one static program. No registry
// and no container builder is needed.
package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// Spec describes an image.
type Spec struct {
	// Name is the image's name with its tag, such as "demo:v1".
	Name string
	// Binary is the file of a static Linux program. It becomes /NAME-OF-THE-FILE and the entry point.
	Binary string
	// Args are the default arguments (CMD).
	Args []string
	// Env are default environment variables, KEY=VALUE.
	Env []string
}

// CheckName says what is wrong with an image name. The tag is required, and "latest" refused: the kubelet pulls an
// image of that tag each time by default, and no registry answers here
// (https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting).
func CheckName(name string) error {
	if name == "" || strings.ContainsAny(name, " \t@") || strings.ToLower(path.Dir(name)) != path.Dir(name) {
		return fmt.Errorf("image name %q is not of the form name:tag; give one such as demo:v1", name)
	}
	repository, tag, ok := strings.Cut(path.Base(name), ":")
	switch {
	case !ok || tag == "" || repository == "" || strings.ToLower(repository) != repository:
		return fmt.Errorf("image name %q is not of the form name:tag; give one such as demo:v1", name)
	case tag == "latest":
		return fmt.Errorf("image %q has the tag latest, which the kubelet always pulls by default; give another tag", name)
	}
	return nil
}

// Write writes the image as a docker-archive tar. The same input gives the same bytes.
func Write(w io.Writer, s Spec) error {
	if err := CheckName(s.Name); err != nil {
		return err
	}
	if err := CheckBinary(s.Binary); err != nil {
		return err
	}
	program, err := os.ReadFile(s.Binary)
	if err != nil {
		return err
	}
	return write(w, s, program)
}

func write(w io.Writer, s Spec, program []byte) error {
	entry := "/" + filepath.Base(s.Binary)
	layer, err := layerTar(entry, program)
	if err != nil {
		return err
	}
	layerID := digest(layer)
	config, err := json.Marshal(imageConfig{
		Architecture: runtime.GOARCH,
		OS:           "linux",
		Config: runConfig{
			Entrypoint: []string{entry},
			Cmd:        s.Args,
			Env:        append([]string{"PATH=/"}, s.Env...),
		},
		RootFS: rootFS{Type: "layers", DiffIDs: []string{"sha256:" + layerID}},
	})
	if err != nil {
		return err
	}
	configName := digest(config) + ".json"
	manifest, err := json.Marshal([]archiveManifest{{Config: configName, RepoTags: []string{s.Name}, Layers: []string{layerID + "/layer.tar"}}})
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	for _, f := range []struct {
		name string
		data []byte
	}{{configName, config}, {layerID + "/layer.tar", layer}, {"manifest.json", manifest}} {
		if err := addFile(out, f.name, 0o644, f.data); err != nil {
			return err
		}
	}
	return out.Close()
}

// layerTar is the root file system: the program and a /tmp that anyone may write to.
func layerTar(entry string, program []byte) ([]byte, error) {
	var buf bytes.Buffer
	t := tar.NewWriter(&buf)
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}); err != nil {
		return nil, err
	}
	if err := addFile(t, strings.TrimPrefix(entry, "/"), 0o755, program); err != nil {
		return nil, err
	}
	return buf.Bytes(), t.Close()
}

func addFile(t *tar.Writer, name string, mode int64, data []byte) error {
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data))}); err != nil {
		return err
	}
	_, err := t.Write(data)
	return err
}

func digest(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// The JSON documents of a docker-archive, after the Docker Image Specification v1.2
// (https://github.com/moby/docker-image-spec).
type imageConfig struct {
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Config       runConfig `json:"config"`
	RootFS       rootFS    `json:"rootfs"`
}

type runConfig struct {
	Entrypoint []string `json:"Entrypoint"`
	Cmd        []string `json:"Cmd,omitempty"`
	Env        []string `json:"Env"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type archiveManifest struct {
	Config   string   `json:"Config"`
	RepoTags []string `json:"RepoTags"`
	Layers   []string `json:"Layers"`
}
