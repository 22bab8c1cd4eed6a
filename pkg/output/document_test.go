package output

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

// fleet is a document with two tables.
type fleet struct {
	Service string   `json:"service"`
	Pods    []string `json:"pods"`
	Note    string   `json:"aNote,omitempty"`
}

func (fleet) DocumentKind() string { return "Fleet" }

func (f fleet) Names() []string { return f.Pods }

func (f fleet) Tables() []Table {
	pods := Table{Title: "Pods of " + f.Service, Columns: []Column{{Name: "POD"}, {Name: "NODE", Wide: true}, {Name: "READY"}}}
	for _, pod := range f.Pods {
		pods.Rows = append(pods.Rows, []Cell{C("%s", pod), C("node-1"), S(Good, "yes")})
	}
	facts := Table{Columns: make([]Column, 2), Rows: [][]Cell{{S(Strong, "Service:"), C("%s", f.Service)}, {C("Note:")}}}
	return []Table{facts, pods}
}

// object is a document of any fields.
type object map[string]any

func (object) DocumentKind() string { return "Object" }
func (object) Names() []string      { return nil }
func (object) Tables() []Table      { return nil }

// printed returns what Print writes for d with the given flags.
func printed(t *testing.T, flags Flags, d Document) string {
	t.Helper()
	var out bytes.Buffer
	printer, err := flags.Printer(genericiooptions.IOStreams{Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	if err := printer.Print(d); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPrint(t *testing.T) {
	d := fleet{Service: "hello", Pods: []string{"hello-1", "日本-22"}}
	tests := map[string]struct {
		flags Flags
		want  string
	}{
		"table is the default": {Flags{}, `Service:   hello
Note:

Pods of hello
POD       READY
hello-1   yes
日本-22   yes
`},
		"wide": {Flags{Format: "wide"}, `Service:   hello
Note:

Pods of hello
POD       NODE     READY
hello-1   node-1   yes
日本-22   node-1   yes
`},
		"no headers": {Flags{Format: "table", NoHeaders: true}, `Service:   hello
Note:

Pods of hello
hello-1   yes
日本-22   yes
`},
		"colour does not change the widths": {Flags{Color: "always"}, "\x1b[1mService:\x1b[22m   \x1b[0mhello\n" +
			"Note:\n\n" +
			"\x1b[1mPods of hello\x1b[22m\n" +
			"POD       READY\n" +
			"hello-1   \x1b[32myes\x1b[0m\n" +
			"日本-22   \x1b[32myes\x1b[0m\n"},
		"name": {Flags{Format: "name"}, "hello-1\n日本-22\n"},
		"json": {Flags{Format: "json"}, `{
    "apiVersion": "switchyard/v1",
    "kind": "Fleet",
    "service": "hello",
    "pods": [
        "hello-1",
        "日本-22"
    ]
}
`},
		"yaml": {Flags{Format: "yaml"}, `apiVersion: switchyard/v1
kind: Fleet
pods:
- hello-1
- 日本-22
service: hello
`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := printed(t, tt.flags, d); got != tt.want {
				t.Errorf("got:\n%q\nwant:\n%q", got, tt.want)
			}
		})
	}
}

func TestPrintEmptyDocument(t *testing.T) {
	tests := map[string]string{
		"json": "{\n    \"apiVersion\": \"switchyard/v1\",\n    \"kind\": \"Object\"\n}\n",
		"yaml": "apiVersion: switchyard/v1\nkind: Object\n",
		"name": "",
		"":     "",
	}
	for format, want := range tests {
		t.Run("-o "+format, func(t *testing.T) {
			if got := printed(t, Flags{Format: format}, object{}); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// hostile are texts that a terminal, a JSON or a YAML reader might trip over.
var hostile = []string{
	"\x1b]0;owned\a\x1b[2J", "a\nkind: Secret\n---\n", "\u009b31m", "\u202egpj.exe", "tag\U000e0041", "\u2028\u2029\u0085",
	`"}],"kind":"Secret`, "yes", "null", "0x10", "1e3", "&a *a !!x %x @x `x", "<b>&amp;</b>", "日本 👩‍🚀", "\x7f\x00", " lead and trail ",
}

func TestHostileTextKeepsItsValueAndStaysOffTheTerminal(t *testing.T) {
	for _, text := range hostile {
		t.Run(Escape(text), func(t *testing.T) {
			d := fleet{Service: text, Pods: []string{text}}
			for format, parse := range map[string]func([]byte, any) error{
				"json": json.Unmarshal,
				"yaml": func(b []byte, v any) error { return yaml.Unmarshal(b, v) },
			} {
				output := printed(t, Flags{Format: format}, d)
				var back struct {
					Kind string
					fleet
				}
				if err := parse([]byte(output), &back); err != nil {
					t.Fatalf("-o %s does not parse: %v\n%s", format, err, output)
				}
				if back.Service != text || back.Pods[0] != text || back.Kind != "Fleet" {
					t.Errorf("-o %s = %+v, want %q", format, back, text)
				}
				if strings.ContainsFunc(strings.ReplaceAll(output, "\n", ""), actsOnTerminal) {
					t.Errorf("-o %s: %q reaches the terminal", format, output)
				}
			}
			assertHarmless(t, printed(t, Flags{}, d))
			names := printed(t, Flags{Format: "name"}, d)
			assertHarmless(t, names)
			if strings.Count(names, "\n") != 1 {
				t.Errorf("-o name = %q, want one line", names)
			}
		})
	}
}

// assertHarmless fails when text holds anything but line breaks that a terminal would act on.
func assertHarmless(t *testing.T, text string) {
	t.Helper()
	if stripped := strings.ReplaceAll(text, "\n", ""); hasUnsafe(stripped) {
		t.Errorf("%q reaches the terminal", text)
	}
}

func TestPrintRefusesWhatIsNoDocument(t *testing.T) {
	tests := map[string]struct {
		document Document
		want     string
	}{
		"a kind of its own": {object{"kind": "Secret"}, `write document "Object": it has a field "kind" of its own`},
		"null":              {object(nil), `write document "Object": it is no JSON object`},
		"not marshalable":   {object{"f": func() {}}, `write document "Object": json: unsupported type: func()`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, encode := range []func(Document) ([]byte, error){JSON, YAML} {
				if _, err := encode(tt.document); err == nil || err.Error() != tt.want {
					t.Errorf("error = %v, want %s", err, tt.want)
				}
			}
		})
	}
}

func TestPrinterRefusesUnknownValues(t *testing.T) {
	tests := map[string]struct {
		flags Flags
		want  string
	}{
		"format": {Flags{Format: "xml"}, `unknown output format "xml": -o takes one of table, wide, json, yaml, name`},
		"colour": {Flags{Color: "red"}, `--color: invalid colour mode "red": must be one of auto, always, never`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := tt.flags.Printer(genericiooptions.IOStreams{Out: &bytes.Buffer{}})
			if err == nil || err.Error() != tt.want || exit.CodeOf(err) != exit.Usage {
				t.Errorf("error = %v (code %d), want %s (code 2)", err, exit.CodeOf(err), tt.want)
			}
		})
	}
}
