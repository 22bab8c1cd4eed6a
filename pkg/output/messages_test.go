package output

import (
	"bytes"
	"errors"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

func TestMessages(t *testing.T) {
	say := func(m *Messages) {
		m.Infof("waiting for %s\n", "pod/a\nb")
		m.Notef("%d pods are %v", 2, Text(m.Styled(Good, "ready\x1b")))
		m.Warnf("two\nlines")
		m.Errorf("%v", errors.New("no \x1b[0m"))
		m.Table(Table{Columns: []Column{{Name: "A"}, {Name: "B"}}, Rows: [][]Cell{{C("1"), S(Bad, "2")}}})
	}
	tests := map[string]struct{ mode, want string }{
		"plain": {ColorAuto, "waiting for pod/a\\nb\n" +
			"note: 2 pods are ready^[\n" +
			"warning: two\nlines\n" +
			"error: no ^[[0m\n" +
			"A   B\n1   2\n"},
		"coloured": {ColorAlways, "waiting for pod/a\\nb\n" +
			"\x1b[2mnote: \x1b[22m2 pods are \x1b[32mready^[\x1b[0m\n" +
			"\x1b[33mwarning: \x1b[0mtwo\nlines\n" +
			"\x1b[31merror: \x1b[0mno ^[[0m\n" +
			"A   B\n1   \x1b[31m2\x1b[0m\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			say(NewMessages(genericiooptions.IOStreams{Out: &out, ErrOut: &errOut}, tt.mode))
			if errOut.String() != tt.want || out.Len() > 0 {
				t.Errorf("stderr:\n%q\nwant:\n%q\nstdout: %q, want none", errOut.String(), tt.want, out.String())
			}
		})
	}
}

func TestColourDecision(t *testing.T) {
	tests := map[string]struct {
		mode, noColor, force string
		want                 bool
	}{
		"no terminal":                       {mode: ColorAuto},
		"--color=always wins over NO_COLOR": {mode: ColorAlways, noColor: "1", want: true},
		"--color=never wins over the force": {mode: ColorNever, force: "1"},
		"CLICOLOR_FORCE without a terminal": {mode: ColorAuto, force: "1", want: true},
		"NO_COLOR wins over CLICOLOR_FORCE": {mode: ColorAuto, noColor: "1", force: "1"},
		"an empty NO_COLOR does not count":  {mode: ColorAuto, force: "1", want: true},
		"CLICOLOR_FORCE=0 does not count":   {mode: ColorAuto, force: "0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("NO_COLOR", tt.noColor)
			t.Setenv("CLICOLOR_FORCE", tt.force)
			if got := newPainter(tt.mode, &bytes.Buffer{}).enabled; got != tt.want {
				t.Errorf("colour = %v, want %v", got, tt.want)
			}
		})
	}
}
