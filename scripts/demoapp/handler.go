package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxEcho bounds the body of POST /echo in bytes.
const maxEcho = 100 << 20

// maxSlow bounds /slow?d=.
const maxSlow = time.Hour

// handler serves all paths of one named port.
func (a *app) handler(port string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) {
		a.probe(w, r, a.config.ready, a.notReady())
	})
	mux.HandleFunc("/startupz", func(w http.ResponseWriter, r *http.Request) {
		a.probe(w, r, a.config.startupz, a.notStarted())
	})
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, r *http.Request) {
		a.probe(w, r, a.config.health, "")
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		a.metrics.write(w)
	})
	mux.Handle("/echo", a.traffic(port, a.echo))
	mux.Handle("/slow", a.traffic(port, a.slow))
	mux.Handle("/", a.traffic(port, a.line))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Version", a.config.version)
		w.Header().Set("X-Pod", a.config.pod)
		w.Header().Set("X-Port", port)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		mux.ServeHTTP(&answer{ResponseWriter: w, app: a}, r)
	})
}

// answer remembers its status, and asks the client to leave once the application drains.
type answer struct {
	http.ResponseWriter
	app    *app
	status int
}

// WriteHeader sends the status and, while draining, `Connection: close`.
func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		if w.app.draining.Load() {
			w.Header().Set("Connection", "close")
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body, after the header.
func (w *answer) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController flush.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (a *app) notStarted() string {
	if a.startedAt.Load() == nil {
		return "starting"
	}
	return ""
}

func (a *app) notReady() string {
	if a.draining.Load() {
		return "draining"
	}
	return a.notStarted()
}

// probe answers as the mode says, or 503 with the reason why the application is not there yet.
func (a *app) probe(w http.ResponseWriter, r *http.Request, mode probeMode, reason string) {
	if reason != "" {
		http.Error(w, reason, http.StatusServiceUnavailable)
		return
	}
	switch mode.kind {
	case "fail":
		http.Error(w, "failing as asked", http.StatusServiceUnavailable)
	case "fail-after":
		if started := a.startedAt.Load(); started != nil && a.now().Sub(*started) >= mode.after {
			http.Error(w, fmt.Sprintf("failing as asked, %v after the start-up", mode.after), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	case "hang":
		a.hang(r)
	case "body-hang":
		w.WriteHeader(http.StatusOK)
		http.NewResponseController(w).Flush()
		a.hang(r)
	case "redirect":
		w.Header().Set("Location", mode.location)
		w.WriteHeader(http.StatusFound)
		fmt.Fprintf(w, "redirecting to %s\n", mode.location)
	default:
		fmt.Fprintln(w, "ok")
	}
}

// hang holds the request until the client gives up or the ports close, and breaks it off
// without an answer.
func (a *app) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-a.closing:
	}
	panic(http.ErrAbortHandler)
}

// statusGone is counted for a client that left before its answer. It is never sent.
const statusGone = 499

var errGone = errors.New("the client has gone")

// traffic wraps what stands for the application's own work: LATENCY, ERROR_RATE and metrics
// apply to it, and it is refused during the start-up. serve returns the rest of the line to
// answer, or errGone, or has answered with an error itself and returns "".
func (a *app) traffic(port string, serve func(w http.ResponseWriter, r *http.Request) (string, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := a.now()
		a.metrics.begin()
		status := statusGone
		defer func() { a.metrics.end(status, a.now().Sub(began)) }()
		if wait(r, a.config.latency) != nil {
			return
		}
		if err := a.answerTraffic(w, r, port, serve); err == nil {
			status = w.(*answer).status
		}
	})
}

func (a *app) answerTraffic(w http.ResponseWriter, r *http.Request, port string,
	serve func(w http.ResponseWriter, r *http.Request) (string, error)) error {
	if reason := a.notStarted(); reason != "" {
		http.Error(w, reason, http.StatusServiceUnavailable)
		return nil
	}
	if a.dice.hit(a.config.errorRate) {
		http.Error(w, "failing as asked by ERROR_RATE", http.StatusInternalServerError)
		return nil
	}
	text, err := serve(w, r)
	if err == nil && text != "" {
		fmt.Fprintf(w, "%s pod=%s port=%s %s\n", a.config.version, a.config.pod, port, text)
	}
	return err
}

func (a *app) line(w http.ResponseWriter, r *http.Request) (string, error) {
	text := fmt.Sprintf("%s %q", r.Method, r.URL.Path)
	if a.sessions != nil {
		text += " " + continueSession(a.sessions, w, r)
	}
	return text, nil
}

func (a *app) echo(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST a body to have its size echoed", http.StatusMethodNotAllowed)
		return "", nil
	}
	n, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxEcho))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, fmt.Sprintf("body above %d bytes", maxEcho), http.StatusRequestEntityTooLarge)
		return "", nil
	case err != nil:
		return "", errGone
	}
	return fmt.Sprintf("received=%d", n), nil
}

func (a *app) slow(w http.ResponseWriter, r *http.Request) (string, error) {
	text := r.URL.Query().Get("d")
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxSlow {
		http.Error(w, fmt.Sprintf("d=%q: must be a duration from 0s to %v", text, maxSlow), http.StatusBadRequest)
		return "", nil
	}
	if err := wait(r, d); err != nil {
		return "", err
	}
	return fmt.Sprintf("waited=%v", d), nil
}

// wait returns errGone if the client leaves first.
func wait(r *http.Request, d time.Duration) error {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.Context().Done():
		return errGone
	}
}
