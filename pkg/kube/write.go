package kube

import (
	"encoding/json"
	"fmt"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Fields is a JSON merge patch (RFC 7386): the named fields are set, a nil deletes, everything else stays.
type Fields map[string]any

// Conditional returns the merge patch that writes fields only if the object still has resourceVersion; the API server
// answers 409 Conflict when it has not (the optimistic lock of
// https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#concurrency-control-and-consistency).
func (f Fields) Conditional(resourceVersion string) ([]byte, error) {
	guarded := Fields{}
	for key, value := range f {
		guarded[key] = value
	}
	metadata := map[string]any{}
	if given, ok := f["metadata"].(map[string]any); ok {
		for key, value := range given {
			metadata[key] = value
		}
	}
	metadata["resourceVersion"] = resourceVersion
	guarded["metadata"] = metadata
	return json.Marshal(guarded)
}

// Command returns the kubectl command that would write the same fields, for a plan: resource is "service/hello".
func (f Fields) Command(resource, namespace string) string {
	patch, err := json.Marshal(f)
	if err != nil { // only a programming error makes fields that JSON cannot hold
		return fmt.Sprintf("kubectl patch %s (%v)", resource, err)
	}
	return fmt.Sprintf("kubectl patch %s -n %s --type=merge -p %s", resource, namespace, ShellQuote(string(patch)))
}

// Annotate returns fields that set the given annotations; an empty value deletes the annotation.
func Annotate(annotations map[string]string) Fields {
	values := map[string]any{}
	for key, value := range annotations {
		values[key] = nil
		if value != "" {
			values[key] = value
		}
	}
	return Fields{"metadata": map[string]any{"annotations": values}}
}

// Merge returns f with the fields of others laid over it, map by map.
func (f Fields) Merge(others ...Fields) Fields {
	merged := mergeMaps(nil, f)
	for _, other := range others {
		merged = mergeMaps(merged, other)
	}
	return merged
}

func mergeMaps(into, from map[string]any) map[string]any {
	out := make(map[string]any, len(into)+len(from))
	for key, value := range into {
		out[key] = value
	}
	for key, value := range from {
		below, fromIsMap := value.(map[string]any)
		above, intoIsMap := out[key].(map[string]any)
		if fromIsMap && intoIsMap {
			value = mergeMaps(above, below)
		}
		out[key] = value
	}
	return out
}

// Difference returns the fields that turn before into after; it is empty when nothing differs. Both must marshal to
// JSON objects. A list that differs is written whole, as a merge patch demands.
func Difference(before, after any) (Fields, error) {
	from, err := json.Marshal(before)
	if err != nil {
		return nil, err
	}
	to, err := json.Marshal(after)
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.CreateMergePatch(from, to)
	if err != nil {
		return nil, err
	}
	fields := Fields{}
	return fields, json.Unmarshal(patch, &fields)
}

// ShellQuote returns text as one word of a POSIX shell command.
func ShellQuote(text string) string {
	if text != "" && !strings.ContainsFunc(text, needsQuotes) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func needsQuotes(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./:=,@%+", r))
}

// PatchOptions returns the options of a write: recorded under this tool's name, and only validated when dryRun is set.
func PatchOptions(dryRun bool) metav1.PatchOptions {
	options := metav1.PatchOptions{FieldManager: Manager}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	return options
}

// CreateOptions is PatchOptions for a create.
func CreateOptions(dryRun bool) metav1.CreateOptions {
	return metav1.CreateOptions{FieldManager: Manager, DryRun: PatchOptions(dryRun).DryRun}
}
