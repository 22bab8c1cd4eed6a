package output

import (
	"errors"
	"testing"
)

func TestEscape(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"plain text is unchanged":           {"web-1 naïve 日本 👩‍🚀", "web-1 naïve 日本 👩‍🚀"},
		"ESC as kubectl shows it":           {"\x1b[31mred", "^[[31mred"},
		"line breaks and tabs":              {"a\r\nb\tc", `a\r\nb\tc`},
		"bell, backspace and DEL":           {"\a\b\x7f", `\x07\x08\x7f`},
		"C1 control sequence introducer":    {"a\u009b31m", `a\u009b31m`},
		"bidirectional override":            {"abc\u202edef", `abc\u202edef`},
		"line separator":                    {"a\u2028b", `a\u2028b`},
		"invisible tag character":           {"a\U000e0041b", `a\U000e0041b`},
		"invalid UTF-8 and a lone C1 byte":  {"a\xff\x9bb", `a\xff\x9bb`},
		"the replacement character is text": {"a\ufffdb", "a\ufffdb"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Escape(tt.text); got != tt.want {
				t.Errorf("Escape(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

func TestEscapeLinesKeepsLinesAndIndentsThem(t *testing.T) {
	got := EscapeLines("first\r\nerror: \x1b[2Jforged\nlast\n\n")
	want := "first\n  error: ^[[2Jforged\n  last"
	if got != want {
		t.Errorf("EscapeLines = %q, want %q", got, want)
	}
}

// named is a string that is not of type string.
type named string

func TestSprintfEscapesEveryArgument(t *testing.T) {
	tests := map[string]struct {
		format string
		args   []any
		want   string
	}{
		"string":                    {"pod %s\nnext", []any{"a\nb"}, "pod a\\nb\nnext"},
		"error":                     {"%v", []any{errors.New("\x1b[1m")}, "^[[1m"},
		"named string":              {"%-6s|", []any{named("a\r")}, "a\\r    |"},
		"slice of strings":          {"%v", []any{[]string{"a", "\x1b"}}, "[a ^[]"},
		"quoted":                    {"%q", []any{"a\x1b"}, `"a\x1b"`},
		"number with width":         {"%3d|%*d|%.1f", []any{7, 4, 8, 1.25}, "  7|   8|1.2"},
		"text that is safe already": {"%s", []any{Text("\x1b[32mok\x1b[0m")}, "\x1b[32mok\x1b[0m"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := sprintf(tt.format, tt.args...); got != tt.want {
				t.Errorf("sprintf = %q, want %q", got, tt.want)
			}
		})
	}
}
