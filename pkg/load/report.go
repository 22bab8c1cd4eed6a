package load

import "time"

// Report is what was measured so far, or in the end. Its counts always add up:
// Offered = Answered + Lost + InFlight, and Sent = Offered - LostBy[CauseNotSent].Count.
// Durations are seconds; times are UTC.
type Report struct {
	URL       string  `json:"url"` // without a password
	Method    string  `json:"method"`
	KeepAlive bool    `json:"keepAlive"`
	Rate      float64 `json:"ratePerSecond"` // asked for
	// AchievedRate is Sent over the sending time. Below Rate, the meter or its Concurrency
	// was the limit, never the target alone.
	AchievedRate float64 `json:"achievedRatePerSecond"`

	StartedAt       time.Time `json:"startedAt"`
	DurationSeconds float64   `json:"durationSeconds"` // start to now, or to the last answer once Done
	Done            bool      `json:"done"`            // nothing is sent any more, and nothing is in flight

	Offered  int64 `json:"offered"`  // requests that were due
	Sent     int64 `json:"sent"`     // requests that were begun
	Answered int64 `json:"answered"` // complete answers with an accepted status
	Lost     int64 `json:"lost"`     // everything else that has ended, CauseNotSent included
	InFlight int64 `json:"inFlight"`

	LostBy    map[Cause]Loss     `json:"lostBy"`
	ByVersion map[string]Answers `json:"byVersion"` // "<none>" for answers that name no version
	ByPod     map[string]Answers `json:"byPod"`     // "<none>" for answers that name no pod

	// Latency is measured from the time the request was due, so that a request that had to
	// wait for its turn counts that wait (no coordinated omission). Accepted answers only.
	Latency Latency `json:"latency"`
	// ServiceTime is measured from the real start of the same requests. The difference to
	// Latency is the meter's own delay.
	ServiceTime Latency `json:"serviceTime"`

	Connections int64 `json:"connections"` // TCP (and TLS) connections opened
	// ClosedIdle counts persistent connections that the server closed while they were idle.
	// That is its right and no loss; the next request opened another one.
	ClosedIdle int64 `json:"connectionsClosedIdle"`
	// AddressFallbacks counts connections that opened only after another address of the
	// name had failed or was slow (RFC 8305); no loss, but not healthy either.
	AddressFallbacks int64 `json:"addressFallbacks"`
}

// Loss is what is known of the requests lost by one cause.
type Loss struct {
	Count int64 `json:"count"`
	// OnReusedConnection counts those sent on a persistent connection that had served
	// before: with eof or reset, a close that crossed the request.
	OnReusedConnection int64     `json:"onReusedConnection"`
	FirstAt            time.Time `json:"firstAt"` // earliest time such a request was due
	LastAt             time.Time `json:"lastAt"`  // latest
	Example            string    `json:"example"` // error text of the first to end
}

// Answers are the complete answers of one version or pod. The times cover the accepted and
// the rejected ones.
type Answers struct {
	Count           int64     `json:"count"`           // accepted
	Rejected        int64     `json:"rejected"`        // counted as lost because of their status
	FirstSentAt     time.Time `json:"firstSentAt"`     // earliest real start of an answered request
	FirstAnsweredAt time.Time `json:"firstAnsweredAt"` // earliest end of an answer
	LastSentAt      time.Time `json:"lastSentAt"`
	LastAnsweredAt  time.Time `json:"lastAnsweredAt"`
}

// Latency holds percentiles in seconds. They are never below the true value and at most
// 0.8% above it; the maximum is exact.
type Latency struct {
	P50Seconds  float64 `json:"p50Seconds"`
	P90Seconds  float64 `json:"p90Seconds"`
	P99Seconds  float64 `json:"p99Seconds"`
	P999Seconds float64 `json:"p999Seconds"`
	MaxSeconds  float64 `json:"maxSeconds"`
}
