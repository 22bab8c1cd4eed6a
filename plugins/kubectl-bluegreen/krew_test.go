package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// krewManifest is the part of a Krew manifest that this test judges
// (https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/).
type krewManifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version          string `json:"version"`
		Homepage         string `json:"homepage"`
		ShortDescription string `json:"shortDescription"`
		Description      string `json:"description"`
		Caveats          string `json:"caveats"`
		Platforms        []struct {
			URI      string `json:"uri"`
			SHA256   string `json:"sha256"`
			Bin      string `json:"bin"`
			Selector struct {
				MatchLabels map[string]string `json:"matchLabels"`
			} `json:"selector"`
			Files []map[string]string `json:"files"`
		} `json:"platforms"`
	} `json:"spec"`
}

func TestKrewManifestIsValidOnceFilled(t *testing.T) {
	template, err := os.ReadFile("../../krew/bluegreen.yaml")
	if err != nil {
		t.Fatal(err)
	}
	filled := strings.ReplaceAll(string(template), "VERSION", "v1.2.3")
	filled = regexp.MustCompile(`SHA256_[A-Z0-9]+_[A-Z0-9]+`).ReplaceAllString(filled, strings.Repeat("0", 64))
	var m krewManifest
	if err := yaml.UnmarshalStrict([]byte(filled), &m); err != nil {
		t.Fatal(err)
	}
	if m.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || m.Kind != "Plugin" || m.Metadata.Name != "bluegreen" || m.Spec.Version != "v1.2.3" || m.Spec.Homepage == "" {
		t.Errorf("head: %s %s %s %s %s", m.APIVersion, m.Kind, m.Metadata.Name, m.Spec.Version, m.Spec.Homepage)
	}
	if short := m.Spec.ShortDescription; short == "" || len(short) > 50 || strings.Contains(short, "\n") {
		t.Errorf("shortDescription %q: must be one line of at most 50 characters, this has %d", short, len(short))
	}
	for line := range strings.Lines(m.Spec.Description) {
		if len(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("description is not wrapped at 80 columns: %q", line)
		}
	}
	checkPlatforms(t, m)
}

// checkPlatforms sees that every platform that Krew serves is there, once, with the program and the licence.
func checkPlatforms(t *testing.T, m krewManifest) {
	missing := map[string]bool{}
	for _, platform := range strings.Fields("windows/386 windows/amd64 windows/arm64 linux/386 linux/amd64 linux/arm linux/arm64 linux/ppc64le darwin/amd64 darwin/arm64") {
		missing[platform] = true
	}
	for _, p := range m.Spec.Platforms {
		system, processor := p.Selector.MatchLabels["os"], p.Selector.MatchLabels["arch"]
		name := system + "/" + processor
		if !missing[name] {
			t.Errorf("platform %s: not served by Krew, or there twice", name)
		}
		delete(missing, name)
		program := "kubectl-bluegreen"
		if system == "windows" {
			program += ".exe"
		}
		if p.Bin != program || len(p.Files) != 2 || p.Files[0]["from"] != program || p.Files[1]["from"] != "LICENSE" {
			t.Errorf("platform %s: bin %q, files %v", name, p.Bin, p.Files)
		}
		if !regexp.MustCompile(`^[a-f0-9]{64}$`).MatchString(p.SHA256) {
			t.Errorf("platform %s: sha256 %q", name, p.SHA256)
		}
		if !strings.HasPrefix(p.URI, "https://") || !strings.Contains(p.URI, "/v1.2.3/") || !strings.Contains(p.URI, "_"+system+"_"+processor+".") {
			t.Errorf("platform %s: uri %q", name, p.URI)
		}
	}
	for name := range missing {
		t.Errorf("platform %s is missing", name)
	}
}
