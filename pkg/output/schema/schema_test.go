package schema

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-switchyard/switchyard/pkg/output"
)

// probe is a small document.
type probe struct {
	Path  string             `json:"path" jsonschema:"where the kubelet asks"`
	Port  intstr.IntOrString `json:"port"`
	Since metav1.Time        `json:"since"`
	Fails *int               `json:"fails,omitempty"`
}

func (*probe) DocumentKind() string   { return "Probe" }
func (*probe) Tables() []output.Table { return nil }
func (*probe) Names() []string        { return nil }

const probeSchema = `{
  "type": "object",
  "properties": {
    "apiVersion": {
      "type": "string",
      "const": "switchyard/v1"
    },
    "kind": {
      "type": "string",
      "const": "Probe"
    },
    "path": {
      "type": "string",
      "description": "where the kubelet asks"
    },
    "port": {
      "type": [
        "integer",
        "string"
      ]
    },
    "since": {
      "type": [
        "null",
        "string"
      ],
      "format": "date-time"
    },
    "fails": {
      "type": [
        "null",
        "integer"
      ]
    }
  },
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Probe",
  "required": [
    "apiVersion",
    "kind",
    "path",
    "port",
    "since"
  ]
}
`

func TestSchemaFor(t *testing.T) {
	got, err := SchemaFor[*probe]()
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != probeSchema {
		t.Errorf("got:\n%s\nwant:\n%s", got, probeSchema)
	}
}

func TestCheckWritesTheFileAndAcceptsRealOutput(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "schema")
	fails := 2
	documents := []*probe{
		{},
		{Path: "/healthz", Port: intstr.FromString("http"), Since: metav1.NewTime(time.Unix(1e9, 0)), Fails: &fails},
	}
	Check(t, dir, true, documents...)
	Check(t, dir, false, documents...)
	got, err := os.ReadFile(filepath.Join(dir, "Probe.json"))
	if err != nil || string(got) != probeSchema {
		t.Errorf("file: %v\n%s", err, got)
	}
}

func TestValidateRefusesOtherOutput(t *testing.T) {
	tests := map[string]struct{ schema, want string }{
		"a kind that differs": {strings.Replace(probeSchema, `"Probe"`, `"Other"`, 2), `does not equal Other`},
		"a field of another type": {strings.Replace(probeSchema, `"type": "string",
      "description"`, `"type": "integer",
      "description"`, 1), `path`},
		"a field that is missing": {strings.Replace(probeSchema, `"path",`, `"path", "until",`, 1), `until`},
		"no schema at all":        {`[`, "read the schema of Probe"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := Validate([]byte(tt.schema), &probe{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one about %s", err, tt.want)
			}
		})
	}
}
