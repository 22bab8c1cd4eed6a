package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Exit codes, besides CRASH_CODE.
const (
	exitFailed     = 1
	exitUsage      = 2
	exitTerminated = 128 + 15 // what a shell and the kubelet report for a death by SIGTERM
)

// config is the behaviour asked for; see variables for the meaning of each field.
type config struct {
	version, pod string
	listenHost   string
	ports        []port

	startup                 time.Duration
	startupMode             string
	ready, health, startupz probeMode

	latency   time.Duration
	errorRate float64 // 0-1
	errorSeed *uint64 // nil: random

	shutdown   string
	drainDelay time.Duration
	crashAfter time.Duration // 0: never
	crashCode  int

	sessions   string
	sessionKey string
}

// port is a named TCP port to listen on; number 0 lets the system choose.
type port struct {
	name   string
	number int
}

// probeMode is how a probe endpoint answers.
type probeMode struct {
	kind     string        // ok, fail, hang, body-hang, fail-after, redirect
	after    time.Duration // of fail-after
	location string        // of redirect
}

// variable is one environment variable: its help, and how its value is read.
type variable struct {
	name, fallback, meaning string
	read                    func(c *config, value string) error
}

const probeModes = "`ok`, `fail` (503), `hang` (no answer), `body-hang` (headers, then nothing), " +
	"`fail-after=DURATION` (ok until that long after the start-up), `redirect` or `redirect=LOCATION` (302, to `/` if not given)"

// variables are all that is read from the environment, in the order of the help.
var variables = []variable{
	{"VERSION", "dev", "version to report",
		func(c *config, v string) error { c.version = v; return headerSafe(v) }},
	{"POD_NAME", "the host name", "pod name to report",
		func(c *config, v string) error { c.pod = v; return headerSafe(v) }},
	{"PORTS", "http=8080", "named ports, `name=number,...`; 0 lets the system choose; all ports serve the same paths",
		func(c *config, v string) (err error) { c.ports, err = parsePorts(v); return err }},
	{"LISTEN_HOST", "all addresses", "address to listen on",
		func(c *config, v string) error { c.listenHost = v; return nil }},
	{"STARTUP", "0s", "duration of the start-up",
		durationInto(func(c *config) *time.Duration { return &c.startup })},
	{"STARTUP_MODE", "refuse", "during the start-up: `refuse` (ports closed) or `unready` (open, but 503 on everything except /healthz and /metrics)",
		wordInto(func(c *config) *string { return &c.startupMode }, "refuse", "unready")},
	{"READY_MODE", "ok", "/readyz: " + probeModes,
		probeInto(func(c *config) *probeMode { return &c.ready })},
	{"HEALTH_MODE", "ok", "/healthz: as READY_MODE",
		probeInto(func(c *config) *probeMode { return &c.health })},
	{"STARTUPZ_MODE", "ok", "/startupz: as READY_MODE",
		probeInto(func(c *config) *probeMode { return &c.startupz })},
	{"LATENCY", "0s", "time that each answer takes, probes and metrics excepted",
		durationInto(func(c *config) *time.Duration { return &c.latency })},
	{"ERROR_RATE", "0", "share of the requests answered with 500, 0 to 1, probes and metrics excepted",
		func(c *config, v string) (err error) { c.errorRate, err = parseShare(v); return err }},
	{"ERROR_SEED", "random", "integer that fixes which requests these are",
		func(c *config, v string) (err error) { c.errorSeed, err = parseSeed(v); return err }},
	{"SHUTDOWN", "graceful", "on SIGTERM: `graceful` (drain, finish what is in flight, exit 0), `abrupt` (exit 143 at once) or `ignore`",
		wordInto(func(c *config) *string { return &c.shutdown }, "graceful", "abrupt", "ignore")},
	{"DRAIN_DELAY", "0s", "with SHUTDOWN=graceful: how long new connections are still accepted after SIGTERM",
		durationInto(func(c *config) *time.Duration { return &c.drainDelay })},
	{"CRASH_AFTER", "0s", "exit with CRASH_CODE this long after the process start; 0s is never",
		durationInto(func(c *config) *time.Duration { return &c.crashAfter })},
	{"CRASH_CODE", "1", "exit code of the crash, 0 to 255",
		func(c *config, v string) (err error) { c.crashCode, err = parseExitCode(v); return err }},
	{"SESSIONS", "off", "cookie session that counts requests: `off`, `memory` (known to one pod, lost on any other) or `shared` (signed in the cookie, any pod goes on)",
		wordInto(func(c *config) *string { return &c.sessions }, "off", "memory", "shared")},
	{"SESSION_KEY", "", "key that signs the cookie; required with SESSIONS=shared, the same on all pods",
		func(c *config, v string) error { c.sessionKey = v; return nil }},
}

// readConfig reads the variables. An error names the variable and quotes its value.
func readConfig(lookup func(string) (string, bool)) (config, error) {
	c := config{}
	for _, v := range variables {
		value, set := lookup(v.name)
		if !set || value == "" {
			value = defaultOf(v)
		}
		if err := v.read(&c, value); err != nil {
			return c, fmt.Errorf("%s=%q: %w", v.name, value, err)
		}
	}
	if c.sessions == "shared" && c.sessionKey == "" {
		return c, fmt.Errorf("SESSION_KEY: required with SESSIONS=shared; set the same key on all pods")
	}
	return c, nil
}

// defaultOf returns the value behind a default that the help describes in words.
func defaultOf(v variable) string {
	switch v.name {
	case "POD_NAME":
		name, err := os.Hostname()
		if err != nil {
			return "unknown"
		}
		return name
	case "LISTEN_HOST", "ERROR_SEED":
		return ""
	}
	return v.fallback
}

// helpText lists the variables for a terminal.
func helpText() string {
	var b strings.Builder
	b.WriteString("demoapp is an HTTP server steered by environment variables.\n\nVariables (default):\n")
	for _, v := range variables {
		fmt.Fprintf(&b, "  %s (%s)\n      %s\n", v.name, v.fallback, strings.ReplaceAll(v.meaning, "`", ""))
	}
	b.WriteString("\nPaths: /readyz /healthz /startupz /metrics, POST /echo, /slow?d=2s; all others answer one line.\n")
	b.WriteString("Exit codes: 0 shut down, 1 cannot listen, 2 bad variable, 143 SHUTDOWN=abrupt, or CRASH_CODE.\n")
	return b.String()
}

func durationInto(field func(*config) *time.Duration) func(*config, string) error {
	return func(c *config, value string) error {
		d, err := parseDuration(value)
		*field(c) = d
		return err
	}
}

func wordInto(field func(*config) *string, words ...string) func(*config, string) error {
	return func(c *config, value string) error {
		for _, word := range words {
			if value == word {
				*field(c) = value
				return nil
			}
		}
		return fmt.Errorf("must be one of %s", strings.Join(words, ", "))
	}
}

func probeInto(field func(*config) *probeMode) func(*config, string) error {
	return func(c *config, value string) (err error) {
		*field(c), err = parseProbeMode(value)
		return err
	}
}

func parseProbeMode(value string) (probeMode, error) {
	kind, argument, hasArgument := strings.Cut(value, "=")
	switch {
	case kind == "fail-after" && hasArgument:
		after, err := parseDuration(argument)
		return probeMode{kind: kind, after: after}, err
	case kind == "redirect" && !hasArgument:
		return probeMode{kind: kind, location: "/"}, nil
	case kind == "redirect" && argument != "":
		return probeMode{kind: kind, location: argument}, headerSafe(argument)
	case !hasArgument && (kind == "ok" || kind == "fail" || kind == "hang" || kind == "body-hang"):
		return probeMode{kind: kind}, nil
	}
	return probeMode{}, fmt.Errorf("must be ok, fail, hang, body-hang, fail-after=DURATION, redirect or redirect=LOCATION")
}

func parseDuration(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("must be a duration of 0 or more, such as 250ms or 2s")
	}
	return d, nil
}

func parseShare(value string) (float64, error) {
	share, err := strconv.ParseFloat(value, 64)
	if err != nil || !(share >= 0 && share <= 1) {
		return 0, fmt.Errorf("must be a number from 0 to 1")
	}
	return share, nil
}

func parseSeed(value string) (*uint64, error) {
	if value == "" {
		return nil, nil
	}
	seed, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("must be an integer of 0 or more")
	}
	return &seed, nil
}

func parseExitCode(value string) (int, error) {
	code, err := strconv.ParseUint(value, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("must be an exit code from 0 to 255")
	}
	return int(code), nil
}

// portName is the rule for port names of Kubernetes (IANA_SVC_NAME, RFC 6335 section 5.1),
// apart from the length and the need of a letter.
var portName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func parsePorts(value string) ([]port, error) {
	var ports []port
	names, numbers := map[string]bool{}, map[int]bool{}
	for item := range strings.SplitSeq(value, ",") {
		name, text, _ := strings.Cut(strings.TrimSpace(item), "=")
		number, err := strconv.Atoi(text)
		switch {
		case err != nil || number < 0 || number > 65535:
			return nil, fmt.Errorf("port %q: must be name=number, with a number from 0 to 65535", item)
		case len(name) > 15 || !portName.MatchString(name) || !strings.ContainsAny(name, "abcdefghijklmnopqrstuvwxyz"):
			return nil, fmt.Errorf("port name %q: must be at most 15 of a-z, 0-9 and single -, with a letter", name)
		case names[name] || number != 0 && numbers[number]:
			return nil, fmt.Errorf("port %q: name or number is given twice", item)
		}
		names[name], numbers[number] = true, true
		ports = append(ports, port{name, number})
	}
	return ports, nil
}

// headerSafe refuses what cannot stand in an HTTP header value.
func headerSafe(value string) error {
	for _, r := range value {
		if r < ' ' || r > '~' {
			return fmt.Errorf("must be printable ASCII")
		}
	}
	return nil
}
