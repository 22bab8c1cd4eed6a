// Package schema derives the JSON schema of a document from its Go type, for the schema files that stand next to the
// plugins, and checks real output against them. Only tests import it, so that no binary carries it.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-switchyard/switchyard/pkg/output"
)

// SchemaFor returns the JSON schema (draft 2020-12) of the documents of type T as they are printed, with apiVersion and
// kind, indented and with a line break at the end. A field's description is its jsonschema tag.
func SchemaFor[T output.Document]() ([]byte, error) {
	schema, err := reflected[T]()
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return append(text, '\n'), nil
}

// Check compares the schema of T with the file dir/KIND.json, which update writes instead, and then the JSON of every
// given document with that schema.
func Check[T output.Document](t testing.TB, dir string, update bool, documents ...T) {
	t.Helper()
	want, err := SchemaFor[T]()
	if err != nil {
		t.Fatal(err)
	}
	var zero T
	path := filepath.Join(dir, zero.DocumentKind()+".json")
	if update {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run the test with -update to write the file", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not the schema of %T: run the test with -update and look at the difference\nwant:\n%s", path, zero, want)
	}
	for i, document := range documents {
		if err := Validate(got, document); err != nil {
			t.Errorf("document %d: %v", i, err)
		}
	}
}

// Validate returns an error when d, printed as JSON, does not follow the given JSON schema.
func Validate(schema []byte, d output.Document) error {
	var parsed jsonschema.Schema
	if err := json.Unmarshal(schema, &parsed); err != nil {
		return fmt.Errorf("read the schema of %s: %w", d.DocumentKind(), err)
	}
	resolved, err := parsed.Resolve(nil)
	if err != nil {
		return fmt.Errorf("read the schema of %s: %w", d.DocumentKind(), err)
	}
	text, err := output.JSON(d)
	if err != nil {
		return err
	}
	var instance any
	if err := json.Unmarshal(text, &instance); err != nil {
		return fmt.Errorf("read the output of %s: %w", d.DocumentKind(), err)
	}
	if err := resolved.Validate(instance); err != nil {
		return fmt.Errorf("the output of %s does not follow its schema: %w\n%s", d.DocumentKind(), err, text)
	}
	return nil
}

// reflected returns the schema of T with apiVersion and kind in front.
func reflected[T output.Document]() (*jsonschema.Schema, error) {
	var zero T
	kind := zero.DocumentKind()
	schema, err := jsonschema.For[T](&jsonschema.ForOptions{TypeSchemas: kubernetesTypes()})
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", kind, err)
	}
	admitNewFields(schema)
	// A pointer type may be null; a printed document never is.
	schema.Type, schema.Types = "object", nil
	schema.Schema = "https://json-schema.org/draft/2020-12/schema"
	schema.Title = kind
	if schema.Properties == nil {
		schema.Properties = map[string]*jsonschema.Schema{}
	}
	head := []string{"apiVersion", "kind"}
	schema.Properties["apiVersion"] = constant(output.APIVersion)
	schema.Properties["kind"] = constant(kind)
	schema.PropertyOrder = append(append([]string{}, head...), schema.PropertyOrder...)
	schema.Required = append(append([]string{}, head...), schema.Required...)
	return schema, nil
}

// admitNewFields lets objects have fields that the schema does not name: within an API version fields are added, and a
// reader that validates must not break on them.
func admitNewFields(schema *jsonschema.Schema) {
	if schema == nil {
		return
	}
	if closed := schema.AdditionalProperties; closed != nil && closed.Not != nil {
		schema.AdditionalProperties = nil
	}
	for _, field := range schema.Properties {
		admitNewFields(field)
	}
	admitNewFields(schema.AdditionalProperties)
	admitNewFields(schema.Items)
}

// constant returns the schema of a string that has one value.
func constant(value string) *jsonschema.Schema {
	var fixed any = value
	return &jsonschema.Schema{Type: "string", Const: &fixed}
}

// kubernetesTypes returns the schemas of the Kubernetes types that marshal to something else than their fields.
func kubernetesTypes() map[reflect.Type]*jsonschema.Schema {
	// The zero time is null.
	moment := &jsonschema.Schema{Types: []string{"null", "string"}, Format: "date-time"}
	return map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[metav1.Time]():        moment,
		reflect.TypeFor[metav1.MicroTime]():   moment,
		reflect.TypeFor[metav1.Duration]():    {Type: "string"},
		reflect.TypeFor[resource.Quantity]():  {Type: "string"},
		reflect.TypeFor[intstr.IntOrString](): {Types: []string{"integer", "string"}},
	}
}
