// Package release holds what every release operation needs: the plan and its steps, the lock, the journal kept on the
// cluster's own objects, Events, and the waits that fail fast with the real reason.
package release

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Domain is the prefix of every annotation and label that Switchyard writes.
const Domain = "kubectl-switchyard.github.io"

// The annotations that hold the whole state of a release. There is no other state.
const (
	// AnnotationRelease holds the Record of the release in progress.
	AnnotationRelease = Domain + "/release"
	// AnnotationHistory holds the last releases, newest first, as a JSON list of Entry.
	AnnotationHistory = Domain + "/history"
	// AnnotationPreviewOf marks a Service that was made to look at the idle side; it names the real Service.
	AnnotationPreviewOf = Domain + "/preview-of"
	// AnnotationRelatedTo marks an object that a release made beside a Deployment (HPA, PDB); it names the Service.
	AnnotationRelatedTo = Domain + "/made-for"
	// AnnotationHeld keeps the settings of a Deployment that a held rolling update changed, to restore them.
	AnnotationHeld = Domain + "/held"
	// AnnotationFloor keeps the minReplicas of a cloned HPA while it is held at the size of the serving side.
	AnnotationFloor = Domain + "/min-replicas"
)

// historyLength is the number of entries kept; with a few hundred bytes each they stay far below the 256 KiB that the
// API server allows for all annotations of an object.
const historyLength = 10

// Phase is where a release stands.
type Phase string

// The phases, in order.
const (
	// Preparing: the new side is being brought up. It has no traffic.
	Preparing Phase = "Preparing"
	// AtGate: the new side is up; a person decides about the switch.
	AtGate Phase = "WaitingAtGate"
	// Soaking: the new side has the traffic and is being watched.
	Soaking Phase = "Soaking"
	// Switched: the new side has the traffic; the old side is kept for the way back.
	Switched Phase = "Switched"
	// Failed: the release ended with traffic on the old side, or is held; Reason says why.
	Failed Phase = "Failed"
)

// Record is the release in progress, as kept in AnnotationRelease.
type Record struct {
	// ID names the release.
	ID string `json:"id"`
	// Operation is the verb that began it: run, prepare, switch, rollback.
	Operation string `json:"operation"`
	Phase     Phase  `json:"phase"`
	// PhaseSince is when the phase began.
	PhaseSince metav1.Time `json:"phaseSince"`
	// By is the operator, USER@HOST.
	By        string      `json:"by"`
	StartedAt metav1.Time `json:"startedAt"`
	// SlotKey is the label that tells the slots apart; From and To are its values.
	SlotKey string `json:"slotKey"`
	From    string `json:"from"`
	To      string `json:"to"`
	// FromRevision is the revision of the old side's Deployment at the switch; when it has changed, a new version is there.
	FromRevision string `json:"fromRevision,omitempty"`
	// Services move together. The first is the one that carries this record.
	Services []string `json:"services,omitempty"`
	// Images are the new side's, by container.
	Images map[string]string `json:"images,omitempty"`
	// SwitchedAt is when the traffic moved.
	SwitchedAt *metav1.Time `json:"switchedAt,omitempty"`
	// Until is when the present phase ends by itself: the soak, or the time the old side is kept.
	Until *metav1.Time `json:"until,omitempty"`
	// Reason says why the release failed or is held.
	Reason string `json:"reason,omitempty"`
	// Options are the options of the verb that began the release, for a resume without flags.
	Options json.RawMessage `json:"options,omitempty"`
}

// In returns a copy of the record in another phase, which began at now.
func (r Record) In(phase Phase, now time.Time) Record {
	r.Phase, r.PhaseSince, r.Until = phase, metav1.NewTime(now), nil
	return r
}

// Entry is one line of the history.
type Entry struct {
	ID        string            `json:"id"`
	Operation string            `json:"operation"`
	Result    string            `json:"result"`
	By        string            `json:"by"`
	At        metav1.Time       `json:"at"`
	From      string            `json:"from,omitempty"`
	To        string            `json:"to,omitempty"`
	Images    map[string]string `json:"images,omitempty"`
	Reason    string            `json:"reason,omitempty"`
}

// ReadRecord returns the release in progress, nil when there is none.
func ReadRecord(annotations map[string]string) (*Record, error) {
	text := annotations[AnnotationRelease]
	if text == "" {
		return nil, nil
	}
	record := &Record{}
	if err := json.Unmarshal([]byte(text), record); err != nil {
		return nil, fmt.Errorf("annotation %s is unreadable: %w", AnnotationRelease, err)
	}
	return record, nil
}

// Annotation returns the record as the text of AnnotationRelease.
func (r Record) Annotation() string { return mustJSON(r) }

// ReadHistory returns the history, newest first.
func ReadHistory(annotations map[string]string) ([]Entry, error) {
	text := annotations[AnnotationHistory]
	if text == "" {
		return nil, nil
	}
	var entries []Entry
	if err := json.Unmarshal([]byte(text), &entries); err != nil {
		return nil, fmt.Errorf("annotation %s is unreadable: %w", AnnotationHistory, err)
	}
	return entries, nil
}

// AddHistory returns the text of AnnotationHistory with entry put first. An unreadable history is begun anew: it must
// not stand in the way of a rollback. An entry that is there already, by id, operation and result, is not repeated, so
// that the step which writes it can be.
func AddHistory(annotations map[string]string, entry Entry) string {
	entries, _ := ReadHistory(annotations)
	for _, old := range entries {
		if old.ID == entry.ID && old.Operation == entry.Operation && old.Result == entry.Result {
			return annotations[AnnotationHistory]
		}
	}
	entries = append([]Entry{entry}, entries...)
	return mustJSON(entries[:min(len(entries), historyLength)])
}

func mustJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil { // the types above hold nothing that JSON cannot
		panic(err)
	}
	return string(text)
}

// NewID returns a short random release id.
func NewID() string {
	raw := make([]byte, 4)
	_, _ = rand.Read(raw) // never fails (crypto/rand since Go 1.24)
	return hex.EncodeToString(raw)
}

// Operator returns who runs this process, as USER@HOST, for records that a person reads.
func Operator() string {
	name := os.Getenv("USER")
	if current, err := user.Current(); err == nil {
		name = current.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}
