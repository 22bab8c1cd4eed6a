package output

import (
	"io"
	"strings"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// Messages writes to stderr what is no result: progress, notes, warnings, errors. Each message ends with a line break.
// The arguments of a format are escaped, except those of type Text.
type Messages struct {
	to   func(text string)
	look tableLook
}

// NewMessages returns messages that go to streams.ErrOut. colorMode is the value of --color; "" means ColorAuto.
func NewMessages(streams genericiooptions.IOStreams, colorMode string) *Messages {
	return &Messages{
		to:   func(text string) { _, _ = io.WriteString(streams.ErrOut, text+"\n") },
		look: tableLook{painter: newPainter(colorMode, streams.ErrOut)},
	}
}

// Through returns messages that go through the live view, which keeps its picture below them.
func (m *Messages) Through(live *Live) *Messages { return &Messages{to: live.Line, look: m.look} }

// Infof writes a message without a prefix.
func (m *Messages) Infof(format string, args ...any) { m.write("", Plain, format, args) }

// Notef writes a message with the prefix "note: ": something worth knowing that needs no action.
func (m *Messages) Notef(format string, args ...any) { m.write("note: ", Dim, format, args) }

// Warnf writes a message with the prefix "warning: ".
func (m *Messages) Warnf(format string, args ...any) { m.write("warning: ", Warn, format, args) }

// Errorf writes a message with the prefix "error: ".
func (m *Messages) Errorf(format string, args ...any) { m.write("error: ", Bad, format, args) }

// Styled returns text escaped and, when stderr shows colour, coloured.
func (m *Messages) Styled(style Style, text string) string { return m.look.paint(style, text) }

// Table writes a table.
func (m *Messages) Table(t Table) { m.to(strings.Join(m.Lines(t), "\n")) }

// Lines renders t, one string per line, for a live view on stderr.
func (m *Messages) Lines(t Table) []string { return m.look.lines(t) }

// write writes one message.
func (m *Messages) write(prefix string, style Style, format string, args []any) {
	text := strings.TrimSuffix(sprintf(format, args...), "\n")
	m.to(m.look.paint(style, prefix) + text)
}
