package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

func TestVersion(t *testing.T) {
	Version, Commit = "v1.2.3", "abc123"
	defer func() { Version, Commit = "", "" }()
	platform := runtime.GOOS + "/" + runtime.GOARCH
	assertResult(t, run(t.Context(), "version -o json"), result{exit.OK, fmt.Sprintf(`{
    "apiVersion": "switchyard/v1",
    "kind": "Version",
    "name": "bluegreen",
    "version": "v1.2.3",
    "commit": "abc123",
    "go": %q,
    "platform": %q
}
`, runtime.Version(), platform), ""})
	assertResult(t, run(t.Context(), "version --no-headers"), result{exit.OK,
		"bluegreen   v1.2.3   abc123   " + runtime.Version() + "   " + platform + "\n", ""})
}

func TestVersionFallsBackToTheBuildInfo(t *testing.T) {
	recorded := &debug.BuildInfo{
		Main:     debug.Module{Version: "v0.9.0"},
		Settings: []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "def456"}},
	}
	tests := map[string]struct {
		set, want versionReport
		info      *debug.BuildInfo
	}{
		"nothing set by the linker": {versionReport{}, versionReport{Version: "v0.9.0", Commit: "def456"}, recorded},
		"the linker wins":           {versionReport{Version: "v1", Commit: "abc"}, versionReport{Version: "v1", Commit: "abc"}, recorded},
		"a local build has no version": {versionReport{}, versionReport{},
			&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := tt.set
			if got.fill(tt.info); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
