// Command loadgen sends a steady rate of HTTP requests to one URL and reports every loss. It
// is a thin command line over package load.
//
// Exit codes: 0 no request lost, 1 some lost, 2 usage.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/kubectl-switchyard/switchyard/pkg/load"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, isTerminal(os.Stderr)))
}

// run measures until the bound is reached or ctx ends, and returns the exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer, live bool) int {
	options, format, err := parse(args, out)
	if err == flag.ErrHelp {
		return 0
	}
	var meter *load.Meter
	if err == nil {
		meter, err = load.Start(ctx, options)
	}
	if err != nil {
		fmt.Fprintf(errOut, "loadgen: %v\n", err)
		return 2
	}
	if live {
		progress(meter, errOut)
	}
	report := meter.Wait()
	if format == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.Encode(report)
	} else {
		writeText(out, report)
	}
	return min(int(report.Lost), 1)
}

// parse returns flag.ErrHelp after printing the help that was asked for.
func parse(args []string, help io.Writer) (o load.Options, format string, err error) {
	flags := flag.NewFlagSet("loadgen", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.URL, "url", "", "absolute http or https URL (required)")
	flags.Float64Var(&o.Rate, "rate", 50, "requests per second, however slow the answers are")
	flags.DurationVar(&o.Duration, "duration", 0, "stop sending after this time, such as 30s")
	flags.Int64Var(&o.Requests, "requests", 0, "stop sending after this many requests")
	flags.BoolVar(&o.KeepAlive, "keepalive", false, "use persistent connections instead of a new one for each request")
	flags.IntVar(&o.Connections, "connections", load.DefaultConnections, "persistent connections with -keepalive")
	flags.IntVar(&o.Concurrency, "concurrency", load.DefaultConcurrency, "most requests in flight; what exceeds it is lost as not-sent")
	flags.DurationVar(&o.Timeout, "timeout", load.DefaultTimeout, "time for one request, connecting included")
	flags.StringVar(&o.Method, "method", http.MethodGet, "HTTP method")
	flags.StringVar(&o.Host, "host", "", "Host header, if not the URL's")
	flags.StringVar(&format, "o", "text", "output format: text or json")
	if err := flags.Parse(args); err != nil {
		if err == flag.ErrHelp {
			fmt.Fprintln(help, "Usage: loadgen -url URL (-duration TIME | -requests N) [flags]")
			flags.SetOutput(help)
			flags.PrintDefaults()
		}
		return o, format, err
	}
	if flags.NArg() > 0 {
		return o, format, fmt.Errorf("argument %q: only flags are taken, see -h", flags.Arg(0))
	}
	if format != "text" && format != "json" {
		return o, format, fmt.Errorf("-o %q: must be text or json", format)
	}
	return o, format, nil
}

// progress rewrites one line until the measurement is done.
func progress(meter *load.Meter, w io.Writer) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	defer fmt.Fprint(w, "\r\x1b[K")
	for {
		select {
		case <-meter.Done():
			return
		case <-ticker.C:
			r := meter.Snapshot()
			fmt.Fprintf(w, "\r\x1b[K%.0fs  sent %d  answered %d  lost %d  in flight %d  p99 %.1f ms",
				r.DurationSeconds, r.Sent, r.Answered, r.Lost, r.InFlight, r.Latency.P99Seconds*1000)
		}
	}
}

func writeText(w io.Writer, r load.Report) {
	fmt.Fprintf(w, "%s %s: %d offered in %.1f s at %.1f of %g requests/s, %d connections\n",
		r.Method, printable(r.URL), r.Offered, r.DurationSeconds, r.AchievedRate, r.Rate, r.Connections)
	fmt.Fprintf(w, "answered %d, lost %d\n", r.Answered, r.Lost)
	for _, cause := range slices.Sorted(maps.Keys(r.LostBy)) {
		l := r.LostBy[cause]
		fmt.Fprintf(w, "  lost by %s: %d from %s to %s: %s\n", cause, l.Count, clock(l.FirstAt), clock(l.LastAt), printable(l.Example))
	}
	writeAnswers(w, "version", r.ByVersion)
	writeAnswers(w, "pod", r.ByPod)
	l := r.Latency
	fmt.Fprintf(w, "latency p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f ms\n", l.P50Seconds*1000,
		l.P90Seconds*1000, l.P99Seconds*1000, l.P999Seconds*1000, l.MaxSeconds*1000)
}

func writeAnswers(w io.Writer, kind string, by map[string]load.Answers) {
	for _, name := range slices.Sorted(maps.Keys(by)) {
		a := by[name]
		fmt.Fprintf(w, "  %s %s: %d accepted, %d rejected, answered %s to %s\n", kind, printable(name),
			a.Count, a.Rejected, clock(a.FirstAnsweredAt), clock(a.LastAnsweredAt))
	}
}

func clock(t time.Time) string { return t.Format("15:04:05.000Z") }

// printable replaces what could steer a terminal: the text comes from the target.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
