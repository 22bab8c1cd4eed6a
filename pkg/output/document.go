package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// APIVersion is the apiVersion of every document that Switchyard prints. Within it, fields are added but never renamed
// or removed.
const APIVersion = "switchyard/v1"

// Document is a result. It marshals to a JSON object that has neither an apiVersion nor a kind of its own.
type Document interface {
	// DocumentKind returns the kind, in CamelCase. It does not depend on the receiver's value.
	DocumentKind() string
	// Tables returns the document as tables, for -o table and -o wide.
	Tables() []Table
	// Names returns what -o name prints, one name per line, as in deployment.apps/web.
	Names() []string
}

// Print writes d to stdout in the format that was asked for.
func (p *Printer) Print(d Document) error {
	switch p.format {
	case FormatJSON:
		text, err := JSON(d)
		if err != nil {
			return err
		}
		return p.write(string(text))
	case FormatYAML:
		text, err := YAML(d)
		if err != nil {
			return err
		}
		return p.write(string(text))
	case FormatName:
		return p.printNames(d.Names())
	default:
		return p.printTables(d.Tables())
	}
}

// JSON returns d as it is printed with -o json: apiVersion and kind first, then the fields of d in their own order.
func JSON(d Document) ([]byte, error) {
	fields, err := documentFields(d)
	if err != nil {
		return nil, err
	}
	head, err := marshal(struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}{APIVersion, d.DocumentKind()})
	if err != nil {
		return nil, fmt.Errorf("write document %q: %w", d.DocumentKind(), err)
	}
	whole := head
	if body := bytes.TrimSpace(fields[1 : len(fields)-1]); len(body) > 0 {
		whole = append(head[:len(head)-1], ',')
		whole = append(whole, body...)
		whole = append(whole, '}')
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, whole, "", "    "); err != nil {
		return nil, fmt.Errorf("write document %q: %w", d.DocumentKind(), err)
	}
	indented.WriteByte('\n')
	return escapeJSON(indented.Bytes()), nil
}

// documentFields returns d as one JSON object without apiVersion and kind.
func documentFields(d Document) ([]byte, error) {
	fields, err := marshal(d)
	if err != nil {
		return nil, fmt.Errorf("write document %q: %w", d.DocumentKind(), err)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(fields, &keys); err != nil || keys == nil {
		return nil, fmt.Errorf("write document %q: it is no JSON object", d.DocumentKind())
	}
	for _, reserved := range []string{"apiVersion", "kind"} {
		if _, taken := keys[reserved]; taken {
			return nil, fmt.Errorf("write document %q: it has a field %q of its own", d.DocumentKind(), reserved)
		}
	}
	return fields, nil
}

// marshal returns v as compact JSON, with <, > and & as they are.
func marshal(v any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(buffer.Bytes()), nil
}

// actsOnTerminal tells whether r must not be printed as it is in a document. The unsafe characters beyond the basic
// plane are only invisible; they stay, since YAML readers do not know JSON's surrogate pairs for them.
func actsOnTerminal(r rune) bool { return r <= 0xffff && unsafeRune(r) }

// escapeJSON returns the same JSON with every character that a terminal might act on as a \u escape. Outside of strings
// only the line breaks of the indentation are such characters, and these stay.
func escapeJSON(text []byte) []byte {
	var safe bytes.Buffer
	for _, r := range string(text) {
		if r != '\n' && actsOnTerminal(r) {
			fmt.Fprintf(&safe, `\u%04x`, r)
		} else {
			safe.WriteRune(r)
		}
	}
	return safe.Bytes()
}

// YAML returns d as it is printed with -o yaml: apiVersion and kind first, then the fields of d by name. YAML has no way
// to escape a character in plain text, and forbids some; a document with a character that a terminal might act on is
// therefore returned in the JSON form, which is YAML too.
func YAML(d Document) ([]byte, error) {
	fields, err := documentFields(d)
	if err != nil {
		return nil, err
	}
	if bytes.ContainsFunc(fields, actsOnTerminal) {
		return JSON(d)
	}
	body, err := yaml.JSONToYAML(fields)
	if err != nil {
		return nil, fmt.Errorf("write document %q: %w", d.DocumentKind(), err)
	}
	if string(body) == "{}\n" {
		body = nil
	}
	return fmt.Appendf(nil, "apiVersion: %s\nkind: %s\n%s", APIVersion, d.DocumentKind(), body), nil
}

// printNames writes one name per line.
func (p *Printer) printNames(names []string) error {
	var text strings.Builder
	for _, name := range names {
		text.WriteString(Escape(name))
		text.WriteByte('\n')
	}
	return p.write(text.String())
}
