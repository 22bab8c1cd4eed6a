package cli

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

var update = flag.Bool("update", false, "write the files under testdata instead of comparing with them")

func TestHelp(t *testing.T) {
	t.Setenv("HOME", "/home/test")
	tests := map[string][]string{
		"root.txt":   {"", "--help", "help"},
		"switch.txt": {"switch --help", "help switch"},
	}
	for file, calls := range tests {
		path := filepath.Join("testdata", "help", file)
		for _, args := range calls {
			t.Run(args, func(t *testing.T) {
				got := run(t.Context(), args)
				if *update {
					must(os.MkdirAll(filepath.Dir(path), 0o755))
					must(os.WriteFile(path, []byte(got.out), 0o644))
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				assertResult(t, got, result{exit.OK, string(want), ""})
				if strings.Contains(got.out, "/home/test") {
					t.Error("the help depends on the home folder")
				}
			})
		}
	}
}

func TestIndent(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"deeper lines stay deeper": {"\n\t\tfirst\n\t\t  second\n\n\t\tthird\n", "  first\n    second\n\n  third"},
		"no indentation":           {"a\nb", "  a\n  b"},
		"nothing":                  {"", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := indent(tt.text); got != tt.want {
				t.Errorf("indent = %q, want %q", got, tt.want)
			}
		})
	}
}
