package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func lookupIn(environment map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, set := environment[name]
		return value, set
	}
}

func TestBadVariablesAreNamed(t *testing.T) {
	const probe = "must be ok, fail, hang, body-hang, fail-after=DURATION, redirect or redirect=LOCATION"
	cases := []struct{ name, value, want string }{
		{"VERSION", "v\n1", `VERSION="v\n1": must be printable ASCII`},
		{"STARTUP", "-1s", `STARTUP="-1s": must be a duration of 0 or more, such as 250ms or 2s`},
		{"STARTUP_MODE", "slow", `STARTUP_MODE="slow": must be one of refuse, unready`},
		{"READY_MODE", "maybe", `READY_MODE="maybe": ` + probe},
		{"READY_MODE", "ok=1", `READY_MODE="ok=1": ` + probe},
		{"HEALTH_MODE", "fail-after", `HEALTH_MODE="fail-after": ` + probe},
		{"HEALTH_MODE", "fail-after=soon", `HEALTH_MODE="fail-after=soon": must be a duration of 0 or more, such as 250ms or 2s`},
		{"STARTUPZ_MODE", "redirect=", `STARTUPZ_MODE="redirect=": ` + probe},
		{"ERROR_RATE", "NaN", `ERROR_RATE="NaN": must be a number from 0 to 1`},
		{"ERROR_RATE", "1.1", `ERROR_RATE="1.1": must be a number from 0 to 1`},
		{"ERROR_SEED", "x", `ERROR_SEED="x": must be an integer of 0 or more`},
		{"SHUTDOWN", "never", `SHUTDOWN="never": must be one of graceful, abrupt, ignore`},
		{"CRASH_CODE", "256", `CRASH_CODE="256": must be an exit code from 0 to 255`},
		{"SESSIONS", "on", `SESSIONS="on": must be one of off, memory, shared`},
		{"SESSIONS", "shared", "SESSION_KEY: required with SESSIONS=shared; set the same key on all pods"},
		{"PORTS", "8080", `PORTS="8080": port "8080": must be name=number, with a number from 0 to 65535`},
		{"PORTS", "http=70000", `PORTS="http=70000": port "http=70000": must be name=number, with a number from 0 to 65535`},
		{"PORTS", "Http=1", `PORTS="Http=1": port name "Http": must be at most 15 of a-z, 0-9 and single -, with a letter`},
		{"PORTS", "a=1,b=1", `PORTS="a=1,b=1": port "b=1": name or number is given twice`},
	}
	for _, c := range cases {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			_, err := readConfig(lookupIn(map[string]string{c.name: c.value}))
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestGoodVariables(t *testing.T) {
	got, err := readConfig(lookupIn(map[string]string{
		"POD_NAME": "pod-1", "PORTS": "http=8080, admin=0", "READY_MODE": "fail-after=3s", "HEALTH_MODE": "redirect",
		"STARTUPZ_MODE": "redirect=http://other.example/x=y", "LATENCY": "20ms", "ERROR_RATE": "0.5", "VERSION": "",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := config{
		version: "dev", pod: "pod-1", ports: []port{{"http", 8080}, {"admin", 0}}, startupMode: "refuse",
		ready: probeMode{kind: "fail-after", after: 3 * time.Second}, health: probeMode{kind: "redirect", location: "/"},
		startupz: probeMode{kind: "redirect", location: "http://other.example/x=y"},
		latency:  20 * time.Millisecond, errorRate: 0.5, shutdown: "graceful", crashCode: 1, sessions: "off",
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestHelpAndArguments(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := start([]string{"-h"}, lookupIn(nil), &out, &errOut); code != 0 || errOut.Len() > 0 {
		t.Errorf("-h: exit code %d, stderr %q", code, errOut.String())
	}
	for _, v := range variables {
		if !strings.Contains(out.String(), fmt.Sprintf("  %s (%s)\n", v.name, v.fallback)) {
			t.Errorf("-h lacks %s", v.name)
		}
	}
	code := start([]string{"serve"}, lookupIn(nil), &out, &errOut)
	if want := "demoapp: argument \"serve\": only environment variables are read, see demoapp -h\n"; code != 2 || errOut.String() != want {
		t.Errorf("exit code %d, stderr %q", code, errOut.String())
	}
}

// TestReadmeListsTheVariables keeps the table of the README equal to what is read.
func TestReadmeListsTheVariables(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := "| variable | default | meaning |\n|---|---|---|\n"
	for _, v := range variables {
		want += fmt.Sprintf("| %s | %s | %s |\n", v.name, v.fallback, v.meaning)
	}
	if !strings.Contains(string(readme), want+"\n") {
		t.Errorf("the table of README.md must be:\n%s", want)
	}
}
