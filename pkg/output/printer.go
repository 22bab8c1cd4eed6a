package output

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

// Format is a value of -o.
type Format string

// The formats. FormatTable is the default.
const (
	FormatTable Format = "table"
	FormatWide  Format = "wide"
	FormatJSON  Format = "json"
	FormatYAML  Format = "yaml"
	FormatName  Format = "name"
)

// Formats returns the values that -o takes, the default first.
func Formats() []string {
	return []string{string(FormatTable), string(FormatWide), string(FormatJSON), string(FormatYAML), string(FormatName)}
}

// IsDocument tells whether f is read by programs as a whole (JSON or YAML) and not by people.
func (f Format) IsDocument() bool { return f == FormatJSON || f == FormatYAML }

// Flags are the output flags of a verb that prints results.
type Flags struct {
	// Format is the value of -o; "" means FormatTable.
	Format string
	// NoHeaders leaves out the header line of tables.
	NoHeaders bool
	// Color is the value of --color, one of ColorModes; "" means ColorAuto. AddFlags does not bind it: the flag
	// belongs to the root command.
	Color string
}

// AddFlags adds -o and --no-headers to fs.
func (f *Flags) AddFlags(fs *pflag.FlagSet) {
	fs.StringVarP(&f.Format, "output", "o", f.Format, "output format: "+strings.Join(Formats(), ", ")+" (default table)")
	fs.BoolVar(&f.NoHeaders, "no-headers", f.NoHeaders, "print tables without the header line")
}

// Printer returns a printer that writes results to streams.Out. An unknown format or colour mode is an error with code
// exit.Usage that names the valid values.
func (f *Flags) Printer(streams genericiooptions.IOStreams) (*Printer, error) {
	format, err := parseFormat(f.Format)
	if err != nil {
		return nil, err
	}
	mode := f.Color
	if mode == "" {
		mode = ColorAuto
	}
	if err := CheckColorMode(mode); err != nil {
		return nil, exit.Errorf(exit.Usage, "--color: %w", err)
	}
	return &Printer{
		out:    streams.Out,
		format: format,
		look:   tableLook{painter: newPainter(mode, streams.Out), wide: format == FormatWide, noHeaders: f.NoHeaders},
	}, nil
}

// parseFormat returns the format that a value of -o names.
func parseFormat(value string) (Format, error) {
	if value == "" {
		return FormatTable, nil
	}
	for _, known := range Formats() {
		if value == known {
			return Format(known), nil
		}
	}
	return "", exit.Errorf(exit.Usage, "unknown output format %q: -o takes one of %s", value, strings.Join(Formats(), ", "))
}

// Printer writes results to stdout.
type Printer struct {
	out    io.Writer
	format Format
	look   tableLook
}

// Format returns the format in use, never "".
func (p *Printer) Format() Format { return p.format }

// Styled returns text escaped and, when stdout shows colour, coloured.
func (p *Printer) Styled(style Style, text string) string { return p.look.paint(style, text) }

// Printf writes free text to stdout as by fmt.Fprintf, with every argument escaped except those of type
// Text.
func (p *Printer) Printf(format string, args ...any) error {
	return p.write(sprintf(format, args...))
}

// Lines renders t as it would be printed, one string per line, for a live view on stdout.
func (p *Printer) Lines(t Table) []string { return p.look.lines(t) }

// printTables writes tables with a blank line between them.
func (p *Printer) printTables(tables []Table) error {
	var text strings.Builder
	for i, table := range tables {
		if i > 0 {
			text.WriteByte('\n')
		}
		for _, line := range p.look.lines(table) {
			text.WriteString(line)
			text.WriteByte('\n')
		}
	}
	return p.write(text.String())
}

// write writes text to stdout.
func (p *Printer) write(text string) error {
	if _, err := io.WriteString(p.out, text); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
