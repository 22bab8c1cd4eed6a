package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/cluster"
)

// Every case ends before anything on the machine is looked at.
func TestUsage(t *testing.T) {
	for _, tc := range []struct {
		name string
		args string
		code int
		want string
	}{
		{"help", "--help", 0, ""},
		{"no command", "", 0, ""},
		{"unknown command", "start", 2, "error: unknown command \"start\" for \"cluster\"\nsee `cluster --help`\n"},
		{"unknown flag", "up --fast", 2, "error: unknown flag: --fast\nsee `cluster --help`\n"},
		{"superfluous argument", "down now", 2, "error: unknown command \"now\" for \"cluster down\"\nsee `cluster --help`\n"},
		{"version", "up --kubernetes latest", 2,
			"error: kubernetes version \"latest\" is not of the form v1.MINOR.PATCH, such as v1.36.3\nsee `cluster --help`\n"},
		{"output format", "status -o xml", 2, "error: output format \"xml\" is unknown; give -o text or -o json\nsee `cluster --help`\n"},
		{"no node name", "node cut", 2, "error: accepts 1 arg(s), received 0\nsee `cluster --help`\n"},
		{"no image", "image load", 2, "error: nothing to load; give archive files, or --name with --binary\nsee `cluster --help`\n"},
		{"half an image", "image load --name a:v1", 2, "error: --name and --binary belong together; give both\nsee `cluster --help`\n"},
		{"both kinds of image", "image load --name a:v1 --binary b c.tar", 2,
			"error: archive files and --name with --binary exclude each other; give one of the two\nsee `cluster --help`\n"},
		{"image tag", "image load --name a:latest --binary b", 2,
			"error: image \"a:latest\" has the tag latest, which the kubelet always pulls by default; give another tag\nsee `cluster --help`\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			code := Main(context.Background(), strings.Fields(tc.args), cluster.Streams{Out: &out, Err: &errOut})
			if code != tc.code || errOut.String() != tc.want {
				t.Errorf("got exit code %d and\n%s\nwant %d and\n%s", code, errOut.String(), tc.code, tc.want)
			}
			if tc.code == 0 && !strings.Contains(out.String(), "Available Commands:") {
				t.Errorf("standard output is\n%s\nwant the help", out.String())
			}
		})
	}
}
