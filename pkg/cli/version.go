package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/kubectl-switchyard/switchyard/pkg/output"
)

// Version and Commit are set by the linker (-ldflags "-X ...pkg/cli.Version=v1.2.3"). When they are empty, what the Go
// toolchain recorded about the build counts.
var (
	Version string
	Commit  string
)

// versionReport says which build of a plugin this is.
type versionReport struct {
	// Name is the plugin's name after kubectl.
	Name string `json:"name"`
	// Version is the release, with a leading v, or "unknown".
	Version string `json:"version"`
	// Commit is the source's Git commit, or "unknown".
	Commit string `json:"commit"`
	// Go is the version of the Go toolchain.
	Go string `json:"go"`
	// Platform is the operating system and the architecture.
	Platform string `json:"platform"`
}

// DocumentKind implements output.Document.
func (versionReport) DocumentKind() string { return "Version" }

// Tables implements output.Document.
func (v versionReport) Tables() []output.Table {
	return []output.Table{{
		Columns: []output.Column{{Name: "NAME"}, {Name: "VERSION"}, {Name: "COMMIT"}, {Name: "GO"}, {Name: "PLATFORM"}},
		Rows:    [][]output.Cell{{output.C("%s", v.Name), output.C("%s", v.Version), output.C("%s", v.Commit), output.C("%s", v.Go), output.C("%s", v.Platform)}},
	}}
}

// Names implements output.Document.
func (v versionReport) Names() []string { return []string{v.Version} }

// newVersionReport returns what is known about this build.
func newVersionReport(name string) versionReport {
	report := versionReport{
		Name: name, Version: Version, Commit: Commit,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		report.fill(info)
	}
	if report.Version == "" {
		report.Version = "unknown"
	}
	if report.Commit == "" {
		report.Commit = "unknown"
	}
	return report
}

// fill sets what the linker did not set from what the toolchain recorded.
func (v *versionReport) fill(info *debug.BuildInfo) {
	if v.Version == "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if v.Commit == "" && setting.Key == "vcs.revision" {
			v.Commit = setting.Value
		}
	}
}

// newVersionCommand returns the verb that prints the version of the plugin called name.
func newVersionCommand(env *Env, name string) *cobra.Command {
	var flags output.Flags
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version of this plugin",
		Args:  ExactArgs(),
		RunE: func(*cobra.Command, []string) error {
			printer, err := env.Printer(flags)
			if err != nil {
				return err
			}
			return printer.Print(newVersionReport(name))
		},
	}
	flags.AddFlags(cmd.Flags())
	return cmd
}
