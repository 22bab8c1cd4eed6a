package release

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

var noon = metav1.NewTime(time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))

func TestRecord(t *testing.T) {
	record := Record{
		ID: "1a2b3c4d", Operation: "run", Phase: Soaking, PhaseSince: noon, By: "ann@laptop", StartedAt: noon, SlotKey: "slot", From: "blue", To: "green",
		FromRevision: "3", Services: []string{"hello", "hello-grpc"}, Images: map[string]string{"app": "hello:2"},
		SwitchedAt: ptr.To(noon), Until: ptr.To(noon), Reason: "slow", Options: json.RawMessage(`{"soak":"30s"}`),
	}
	want := `{"id":"1a2b3c4d","operation":"run","phase":"Soaking","phaseSince":"2026-01-02T12:00:00Z","by":"ann@laptop","startedAt":"2026-01-02T12:00:00Z",` +
		`"slotKey":"slot","from":"blue","to":"green","fromRevision":"3","services":["hello","hello-grpc"],"images":{"app":"hello:2"},` +
		`"switchedAt":"2026-01-02T12:00:00Z","until":"2026-01-02T12:00:00Z","reason":"slow","options":{"soak":"30s"}}`
	text := record.Annotation()
	if text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	read, err := ReadRecord(map[string]string{AnnotationRelease: text})
	if err != nil || read.Annotation() != want {
		t.Errorf("read back %+v, %v", read, err)
	}
	later := record.In(Switched, noon.Add(time.Minute))
	if later.Phase != Switched || !later.PhaseSince.Equal(ptr.To(metav1.NewTime(noon.Add(time.Minute)))) || later.Until != nil || !later.SwitchedAt.Equal(&noon) {
		t.Errorf("in the next phase it is %s", later.Annotation())
	}
	if record.Phase != Soaking || record.Until == nil {
		t.Errorf("the record itself was changed: %s", record.Annotation())
	}
}

func TestReadRecord(t *testing.T) {
	tests := []struct{ name, text, want, err string }{
		{"none", "", "<nil>", "<nil>"},
		{"not written by us", "soon", "<nil>", "annotation kubectl-switchyard.github.io/release is unreadable: invalid character 's' looking for beginning of value"},
		{"a bad time", `{"startedAt":"noon"}`, "<nil>", `annotation kubectl-switchyard.github.io/release is unreadable: parsing time "noon" as "2006-01-02T15:04:05Z07:00": cannot parse "noon" as "2006"`},
		{"of a later version", `{"id":"1a","phase":"Paused","new":1}`, "1a Paused", "<nil>"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			record, err := ReadRecord(map[string]string{AnnotationRelease: test.text})
			got := "<nil>"
			if record != nil {
				got = fmt.Sprint(record.ID, " ", record.Phase)
			}
			if got != test.want || fmt.Sprint(err) != test.err {
				t.Errorf("got  %s, %v\nwant %s, %s", got, err, test.want, test.err)
			}
		})
	}
}

func TestAddHistory(t *testing.T) {
	entry := func(id, operation, result string) Entry {
		return Entry{ID: id, Operation: operation, Result: result, By: "ann@laptop", At: noon}
	}
	add := func(text string, entries ...Entry) string {
		for _, e := range entries {
			text = AddHistory(map[string]string{AnnotationHistory: text}, e)
		}
		return text
	}
	var dozen []Entry
	for i := 1; i <= 12; i++ {
		dozen = append(dozen, entry(fmt.Sprint(i), "run", "done"))
	}
	tests := []struct{ name, text, want string }{
		{"the first", add("", entry("1", "run", "done")), "1 run done"},
		{"the newest first", add("", entry("1", "run", "done"), entry("2", "rollback", "done")), "2 rollback done, 1 run done"},
		{"the same twice", add("", entry("1", "run", "done"), entry("1", "run", "done")), "1 run done"},
		{"the same again after another", add("", entry("1", "run", "done"), entry("2", "run", "done"), entry("1", "run", "done")), "2 run done, 1 run done"},
		{"another result of the same release", add("", entry("1", "run", "done"), entry("1", "run", "failed")), "1 run failed, 1 run done"},
		{"another operation of the same release", add("", entry("1", "run", "done"), entry("1", "finish", "done")), "1 finish done, 1 run done"},
		{"ten are kept", add("", dozen...), "12 run done, 11 run done, 10 run done, 9 run done, 8 run done, 7 run done, 6 run done, 5 run done, 4 run done, 3 run done"},
		{"over an unreadable one", add("soon", entry("1", "run", "done")), "1 run done"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			entries, err := ReadHistory(map[string]string{AnnotationHistory: test.text})
			var got []string
			for _, e := range entries {
				got = append(got, e.ID+" "+e.Operation+" "+e.Result)
			}
			if err != nil || strings.Join(got, ", ") != test.want {
				t.Errorf("got  %s, %v\nwant %s", strings.Join(got, ", "), err, test.want)
			}
		})
	}
}

func TestReadHistory(t *testing.T) {
	tests := []struct{ name, text, want, err string }{
		{"none", "", "[]", "<nil>"},
		{"not written by us", "soon", "[]", "annotation kubectl-switchyard.github.io/history is unreadable: invalid character 's' looking for beginning of value"},
		{"one", `[{"id":"1a","operation":"run","result":"done","by":"ann@laptop","at":"2026-01-02T12:00:00Z"}]`,
			`[{"id":"1a","operation":"run","result":"done","by":"ann@laptop","at":"2026-01-02T12:00:00Z"}]`, "<nil>"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			entries, err := ReadHistory(map[string]string{AnnotationHistory: test.text})
			got := "[]"
			if entries != nil {
				got = mustJSON(entries)
			}
			if got != test.want || fmt.Sprint(err) != test.err {
				t.Errorf("got  %s, %v\nwant %s, %s", got, err, test.want, test.err)
			}
		})
	}
}

func TestNewID(t *testing.T) {
	first, second := NewID(), NewID()
	if !regexp.MustCompile(`^[0-9a-f]{8}$`).MatchString(first) || first == second {
		t.Errorf("got %q and %q", first, second)
	}
}

func TestOperator(t *testing.T) {
	if got := Operator(); !regexp.MustCompile(`^.+@.+$`).MatchString(got) {
		t.Errorf("got %q, want USER@HOST", got)
	}
}
