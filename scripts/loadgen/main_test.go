package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kubectl-switchyard/switchyard/pkg/load"
)

func TestExitCodesAndStreams(t *testing.T) {
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Version", "v1")
	}))
	defer good.Close()
	bad := httptest.NewServer(http.NotFoundHandler())
	defer bad.Close()
	cases := []struct {
		name    string
		args    []string
		code    int
		out     string // part of stdout; empty means stdout is empty
		errPart string
	}{
		{"no loss", []string{"-url", good.URL, "-requests", "3", "-rate", "100"}, 0, "answered 3, lost 0\n  version v1: 3 accepted, 0 rejected", ""},
		{"loss", []string{"-url", bad.URL, "-requests", "2", "-rate", "100"}, 1, "answered 0, lost 2\n  lost by status-4xx: 2 from ", ""},
		{"no url", []string{"-requests", "1"}, 2, "", `loadgen: url "": scheme "" must be http or https`},
		{"no bound", []string{"-url", good.URL}, 2, "", "loadgen: no bound: set a duration or a number of requests"},
		{"stray argument", []string{"x"}, 2, "", `loadgen: argument "x": only flags are taken, see -h`},
		{"bad format", []string{"-o", "xml"}, 2, "", `loadgen: -o "xml": must be text or json`},
		{"unknown flag", []string{"-x"}, 2, "", "loadgen: flag provided but not defined: -x"},
		{"help", []string{"-h"}, 0, "-concurrency int\n", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			if code := run(context.Background(), c.args, &out, &errOut, false); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(out.String(), c.out) || c.out == "" && out.Len() > 0 {
				t.Errorf("stdout %q, want %q", out.String(), c.out)
			}
			if !strings.Contains(errOut.String(), c.errPart) {
				t.Errorf("stderr %q, want %q", errOut.String(), c.errPart)
			}
		})
	}
}

func TestInterruptPrintsTheReport(t *testing.T) {
	ctx, interrupt := context.WithCancel(context.Background())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { interrupt() }))
	defer server.Close()
	var out bytes.Buffer
	code := run(ctx, []string{"-url", server.URL, "-duration", "1h", "-o", "json"}, &out, io.Discard, false)
	var report load.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	if code != 0 || report.Answered < 1 || report.Lost != 0 || !report.Done {
		t.Errorf("exit code %d, report %s", code, out.String())
	}
}

func TestTextOfTheTargetCannotSteerTheTerminal(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nX-Version: v\u009b31m1\r\nContent-Length: 0\r\n\r\n")
			conn.Close()
		}
	}()
	var out bytes.Buffer
	run(context.Background(), []string{"-url", "http://" + listener.Addr().String(), "-requests", "1"}, &out, io.Discard, true)
	if strings.ContainsRune(out.String(), '\u009b') || !strings.Contains(out.String(), "version v?31m1: 1 accepted") {
		t.Errorf("stdout %q", out.String())
	}
}
