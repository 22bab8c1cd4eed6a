package artifact

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// DefaultKubernetes is the version that is used when none is asked for.
const DefaultKubernetes = "v1.36.3"

var kubernetesVersion = regexp.MustCompile(`^v?1\.(\d+)\.(\d+)$`)

// A Version is a Kubernetes release.
type Version struct{ Minor, Patch int }

// ParseVersion parses "v1.36.3" or "1.36.3".
func ParseVersion(text string) (Version, error) {
	m := kubernetesVersion.FindStringSubmatch(text)
	if m == nil {
		return Version{}, fmt.Errorf("kubernetes version %q is not of the form v1.MINOR.PATCH, such as %s", text, DefaultKubernetes)
	}
	minor, _ := strconv.Atoi(m[1])
	patch, _ := strconv.Atoi(m[2])
	return Version{Minor: minor, Patch: patch}, nil
}

// String returns the release name, such as "v1.36.3".
func (v Version) String() string { return fmt.Sprintf("v1.%d.%d", v.Minor, v.Patch) }

// Staging returns the version under which the release publishes its libraries, such as "v0.36.3".
func (v Version) Staging() string { return fmt.Sprintf("v0.%d.%d", v.Minor, v.Patch) }

var (
	moduleLine  = regexp.MustCompile(`(?m)^module .*$`)
	stagingLine = regexp.MustCompile(`(?m)=> \./staging/src/(\S+)$`)
)

// KubernetesGoMod turns the go.mod of k8s.io/kubernetes into the go.mod of a program that imports it: the same
// requirements and the same `go` and `godebug` lines, so that the components run as released, with the libraries that
// the release keeps in its own tree taken from their published modules.
func KubernetesGoMod(released string, v Version) (string, error) {
	if !moduleLine.MatchString(released) || !stagingLine.MatchString(released) {
		return "", fmt.Errorf("go.mod of k8s.io/kubernetes %s has no staging modules; its layout is not the expected one", v)
	}
	out := moduleLine.ReplaceAllLiteralString(released, "module kubernetes")
	out = stagingLine.ReplaceAllString(out, "=> ${1} "+v.Staging())
	return out + fmt.Sprintf("\nrequire k8s.io/kubernetes %s\n", v), nil
}

// ldflags strips debug data and sets the version that the components report (k8s.io/component-base/version).
func (v Version) ldflags() string {
	set := func(name, value string) string {
		return fmt.Sprintf("-X k8s.io/component-base/version.%s=%s", name, value)
	}
	return strings.Join([]string{
		"-s -w", set("gitVersion", v.String()), set("gitMajor", "1"), set("gitMinor", strconv.Itoa(v.Minor)),
	}, " ")
}
