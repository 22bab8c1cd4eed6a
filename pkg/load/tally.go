package load

import (
	"maps"
	"strings"
	"sync"
	"time"
)

// Bounds of what a target can make the meter remember.
const (
	maxNames      = 1000 // versions, pods
	maxNameBytes  = 253
	maxErrorBytes = 300
	noName        = "<none>"
	otherNames    = "<other>"
)

// outcome is how one request ended.
type outcome struct {
	due, started, ended time.Time

	cause  Cause // empty for an accepted answer
	err    error // with a cause
	reused bool  // the connection had served before

	answered     bool // a complete answer came, accepted or not
	version, pod string
}

// tally adds outcomes up. It is safe for concurrent use.
type tally struct {
	mu                   sync.Mutex
	offered, inFlight    int64
	answered, lost       int64
	lastBegun, lastEnded time.Time
	lostBy               map[Cause]Loss
	byVersion, byPod     map[string]Answers
	latency, service     histogram
}

func newTally() *tally {
	return &tally{lostBy: map[Cause]Loss{}, byVersion: map[string]Answers{}, byPod: map[string]Answers{}}
}

// begin counts a request that is due. It returns false if limit requests are in flight: the
// request is then counted as lost and must not be sent.
func (t *tally) begin(due time.Time, limit int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.offered++
	t.lastBegun = time.Now()
	if t.inFlight >= int64(limit) {
		t.lose(outcome{due: due, cause: CauseNotSent, err: errNotSent})
		return false
	}
	t.inFlight++
	return true
}

// end counts the outcome of a request that began.
func (t *tally) end(o outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inFlight--
	if o.ended.After(t.lastEnded) {
		t.lastEnded = o.ended
	}
	if o.answered {
		count(t.byVersion, o.version, o)
		count(t.byPod, o.pod, o)
	}
	if o.cause != "" {
		t.lose(o)
		return
	}
	t.answered++
	t.latency.add(o.ended.Sub(o.due))
	t.service.add(o.ended.Sub(o.started))
}

func (t *tally) lose(o outcome) {
	t.lost++
	loss, seen := t.lostBy[o.cause]
	due := o.due.UTC()
	if !seen {
		loss = Loss{FirstAt: due, LastAt: due, Example: clip(o.err.Error(), maxErrorBytes)}
	}
	loss.Count++
	if o.reused {
		loss.OnReusedConnection++
	}
	loss.FirstAt = earlier(loss.FirstAt, due)
	loss.LastAt = later(loss.LastAt, due)
	t.lostBy[o.cause] = loss
}

// count adds a complete answer to the entry of a name.
func count(entries map[string]Answers, name string, o outcome) {
	name = clip(name, maxNameBytes)
	if name == "" {
		name = noName
	}
	a, seen := entries[name]
	if !seen && len(entries) >= maxNames {
		name = otherNames
		a, seen = entries[name]
	}
	sent, answered := o.started.UTC(), o.ended.UTC()
	if !seen {
		a = Answers{FirstSentAt: sent, FirstAnsweredAt: answered, LastSentAt: sent, LastAnsweredAt: answered}
	}
	if o.cause == "" {
		a.Count++
	} else {
		a.Rejected++
	}
	a.FirstSentAt = earlier(a.FirstSentAt, sent)
	a.FirstAnsweredAt = earlier(a.FirstAnsweredAt, answered)
	a.LastSentAt = later(a.LastSentAt, sent)
	a.LastAnsweredAt = later(a.LastAnsweredAt, answered)
	entries[name] = a
}

// fill copies the counts into a report.
func (t *tally) fill(r *Report) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Offered, r.InFlight = t.offered, t.inFlight
	r.Answered, r.Lost = t.answered, t.lost
	r.Sent = t.offered - t.lostBy[CauseNotSent].Count
	r.LostBy = maps.Clone(t.lostBy)
	r.ByVersion, r.ByPod = maps.Clone(t.byVersion), maps.Clone(t.byPod)
	r.Latency, r.ServiceTime = t.latency.latency(), t.service.latency()
	if r.Done {
		r.DurationSeconds = later(t.lastBegun, t.lastEnded).Sub(r.StartedAt).Seconds()
	}
	// The last request's own interval belongs to the sending time: 2 requests at 1 per
	// second are 2 seconds of load, although the second one starts after 1.
	sending := max(t.lastBegun.Sub(r.StartedAt).Seconds(), float64(t.offered)/r.Rate)
	if t.offered > 0 {
		r.AchievedRate = float64(r.Sent) / sending
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// clip bounds a text to n bytes and keeps it valid UTF-8.
func clip(text string, n int) string {
	if len(text) > n {
		text = text[:n]
	}
	return strings.ToValidUTF8(text, "?")
}
