package kube

import (
	"encoding/json"
	"os/exec"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestConditional(t *testing.T) {
	tests := []struct {
		name   string
		fields Fields
		want   string
	}{
		{"fields outside the metadata", Fields{"spec": map[string]any{"replicas": 3}}, `{"metadata":{"resourceVersion":"7"},"spec":{"replicas":3}}`},
		{"annotations stay", Annotate(map[string]string{"a": "1"}), `{"metadata":{"annotations":{"a":"1"},"resourceVersion":"7"}}`},
		{"a version that was read before gives way", Fields{"metadata": map[string]any{"resourceVersion": "1"}}, `{"metadata":{"resourceVersion":"7"}}`},
		{"no fields", Fields{}, `{"metadata":{"resourceVersion":"7"}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := asJSON(t, test.fields)
			patch, err := test.fields.Conditional("7")
			if err != nil || string(patch) != test.want {
				t.Errorf("got  %s, %v\nwant %s", patch, err, test.want)
			}
			if after := asJSON(t, test.fields); after != before {
				t.Errorf("the fields were changed from %s to %s", before, after)
			}
		})
	}
}

func TestAnnotate(t *testing.T) {
	got := asJSON(t, Annotate(map[string]string{"set": "1", "delete": ""}))
	if want := `{"metadata":{"annotations":{"delete":null,"set":"1"}}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMerge(t *testing.T) {
	selector := func(key string, value any) Fields {
		return Fields{"spec": map[string]any{"selector": map[string]any{key: value}}}
	}
	tests := []struct {
		name   string
		fields Fields
		others []Fields
		want   string
	}{
		{"map by map", selector("app", "hello"), []Fields{selector("slot", "green"), Annotate(map[string]string{"a": "1"})},
			`{"metadata":{"annotations":{"a":"1"}},"spec":{"selector":{"app":"hello","slot":"green"}}}`},
		{"the later one wins", selector("slot", "blue"), []Fields{selector("slot", "green")}, `{"spec":{"selector":{"slot":"green"}}}`},
		{"a deletion wins too", selector("slot", "blue"), []Fields{selector("slot", nil)}, `{"spec":{"selector":{"slot":null}}}`},
		{"a value replaces a map", selector("slot", "blue"), []Fields{{"spec": nil}}, `{"spec":null}`},
		{"nothing to lay over", selector("slot", "blue"), []Fields{nil}, `{"spec":{"selector":{"slot":"blue"}}}`},
		{"over nothing", nil, []Fields{selector("slot", "blue")}, `{"spec":{"selector":{"slot":"blue"}}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := asJSON(t, test.fields)
			if got := asJSON(t, test.fields.Merge(test.others...)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if after := asJSON(t, test.fields); after != before {
				t.Errorf("the fields were changed from %s to %s", before, after)
			}
		})
	}
}

func TestDifference(t *testing.T) {
	service := func(text string) corev1.Service {
		var s corev1.Service
		if err := yaml.UnmarshalStrict([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := service(`
metadata: {name: hello, labels: {app: hello, team: shop}}
spec: {selector: {app: hello, slot: blue}, ports: [{name: http, port: 80}, {name: grpc, port: 90}]}`)
	tests := []struct{ name, after, want string }{
		{"nothing", `
metadata: {name: hello, labels: {team: shop, app: hello}}
spec: {selector: {slot: blue, app: hello}, ports: [{name: http, port: 80}, {name: grpc, port: 90}]}`, `{}`},
		{"one key of a map", `
metadata: {name: hello, labels: {app: hello, team: shop}}
spec: {selector: {app: hello, slot: green}, ports: [{name: http, port: 80}, {name: grpc, port: 90}]}`, `{"spec":{"selector":{"slot":"green"}}}`},
		{"a key that is gone", `
metadata: {name: hello, labels: {app: hello}}
spec: {selector: {app: hello, slot: blue}, ports: [{name: http, port: 80}, {name: grpc, port: 90}]}`, `{"metadata":{"labels":{"team":null}}}`},
		{"a list is written whole", `
metadata: {name: hello, labels: {app: hello, team: shop}}
spec: {selector: {app: hello, slot: blue}, ports: [{name: http, port: 8080}, {name: grpc, port: 90}]}`,
			`{"spec":{"ports":[{"name":"http","port":8080,"targetPort":0},{"name":"grpc","port":90,"targetPort":0}]}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fields, err := Difference(before, service(test.after))
			if got := asJSON(t, fields); err != nil || got != test.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, test.want)
			}
		})
	}
}

func TestDifferenceOfWhatIsNoObject(t *testing.T) {
	if fields, err := Difference([]int{1}, []int{2}); err == nil {
		t.Errorf("got %v and no error", fields)
	}
}

func TestCommand(t *testing.T) {
	fields := Annotate(map[string]string{"note": "it's <new> & $HOME"})
	want := `kubectl patch service/hello -n shop --type=merge -p '{"metadata":{"annotations":{"note":"it'\''s \u003cnew\u003e \u0026 $HOME"}}}'`
	if got := fields.Command("service/hello", "shop"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestShellQuote asks a shell what it makes of the words.
func TestShellQuote(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"a plain word", "app=hello/v1.2@x:y,z%+-_", "app=hello/v1.2@x:y,z%+-_"},
		{"nothing", "", "''"},
		{"a space", "a b", "'a b'"},
		{"a quote", "it's", `'it'\''s'`},
		{"an expansion", "$(id) `id` $HOME *", "'$(id) `id` $HOME *'"},
		{"a line break", "a\nb", "'a\nb'"},
		{"a home directory", "~root", "'~root'"},
		{"a backslash", `a\b`, `'a\b'`},
		{"beyond ASCII", "grün", "'grün'"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ShellQuote(test.text)
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			shell, err := exec.LookPath("sh")
			if err != nil {
				t.Skipf("no shell to ask: %v", err)
			}
			if said, err := exec.Command(shell, "-c", "printf %s "+got).Output(); err != nil || string(said) != test.text {
				t.Errorf("the shell reads %q, %v, want %q", said, err, test.text)
			}
		})
	}
}

func TestWriteOptions(t *testing.T) {
	tests := []struct {
		name   string
		dryRun bool
		want   string
	}{
		{"a write", false, `{"fieldManager":"kubectl-switchyard"}`},
		{"a dry run", true, `{"dryRun":["All"],"fieldManager":"kubectl-switchyard"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			patch, create := asJSON(t, PatchOptions(test.dryRun)), asJSON(t, CreateOptions(test.dryRun))
			if patch != test.want || create != test.want {
				t.Errorf("got %s for a patch and %s for a create, want %s", patch, create, test.want)
			}
		})
	}
}
