package output

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape returns s on one line and harmless to a terminal: control characters, line breaks, invalid UTF-8 and the
// invisible characters that reorder text are made visible (a line break as \n, ESC as ^[ like kubectl). Text without
// any of these is returned unchanged.
func Escape(s string) string {
	if !hasUnsafe(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unsafeRune(r):
			b.WriteString(visible(r))
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// EscapeLines is Escape for a text of several lines: line breaks stay, and every line after the first is indented by
// two spaces, so that text from a cluster cannot pose as a line of ours.
func EscapeLines(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, line := range lines {
		lines[i] = Escape(strings.TrimSuffix(line, "\r"))
	}
	return strings.Join(lines, "\n  ")
}

// hasUnsafe tells whether Escape would change s.
func hasUnsafe(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, unsafeRune)
}

// unsafeRune tells whether a terminal would act on r instead of showing it: the control characters (C0, DEL, C1), the
// line and paragraph separators, and the invisible format characters (bidirectional overrides among them), except the
// two joiners that scripts and emoji need.
func unsafeRune(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	if r == nonJoiner || r == joiner {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// visible returns the printed form of an unsafe rune.
func visible(r rune) string {
	switch r {
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	case '\x1b':
		return "^["
	}
	switch {
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	default:
		return fmt.Sprintf(`\U%08x`, r)
	}
}

// escaped formats one argument with the verb it is given, then escapes the result.
type escaped struct{ value any }

// Format implements fmt.Formatter.
func (e escaped) Format(state fmt.State, verb rune) {
	_, _ = io.WriteString(state, Escape(fmt.Sprintf(fmt.FormatString(state, verb), e.value)))
}

// Text marks text that is fit for a terminal already, such as the result of Styled: as an argument it is not escaped again.
type Text string

// sprintf is fmt.Sprintf with every argument escaped except those of type Text; line breaks in format itself stay.
func sprintf(format string, args ...any) string {
	safe := make([]any, len(args))
	for i, arg := range args {
		switch arg.(type) {
		case int, Text: // an int may be the * of a width or precision
			safe[i] = arg
		default:
			safe[i] = escaped{arg}
		}
	}
	return fmt.Sprintf(format, safe...)
}
