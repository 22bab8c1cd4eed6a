package workload

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// now is the time of every reading in the tests.
var now = time.Date(2026, 1, 2, 10, 10, 0, 0, time.UTC)

// parse reads one object; a field that its type does not know fails the test.
func parse[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := yaml.UnmarshalStrict([]byte(text), &v); err != nil {
		t.Fatalf("the test's YAML: %v\n%s", err, text)
	}
	return v
}

// parseAll reads several objects, set apart by lines of three dashes.
func parseAll[T any](t *testing.T, text string) []T {
	t.Helper()
	var all []T
	for _, doc := range strings.Split(text, "\n---\n") {
		if strings.TrimSpace(doc) != "" {
			all = append(all, parse[T](t, doc))
		}
	}
	return all
}

// parseObject reads an object without a type, numbers as the API machinery has them.
func parseObject(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatalf("the test's YAML: %v", err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(data); err != nil {
		t.Fatalf("the test's YAML: %v", err)
	}
	return u
}

// wantYAML compares an object with its whole expected text.
func wantYAML(t *testing.T, got *unstructured.Unstructured, want string) {
	t.Helper()
	data, err := yaml.Marshal(got.Object)
	if err != nil {
		t.Fatal(err)
	}
	canonical, err := yaml.Marshal(parseObject(t, want).Object)
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != string(canonical) {
		t.Errorf("got\n%s\nwant\n%s", data, canonical)
	}
}

func wantLines(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("error\n  %s\nwant\n  %s", got, want)
	}
}
