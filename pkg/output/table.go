package output

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"
)

// Cell is one cell of a table. Text may come from anywhere: it is escaped when rendered.
type Cell struct {
	Text  string
	Style Style
}

// C returns a plain cell with a text made as by fmt.Sprintf.
func C(format string, args ...any) Cell { return Cell{Text: fmt.Sprintf(format, args...)} }

// S returns a cell with the given style and text.
func S(style Style, text string) Cell { return Cell{Text: text, Style: style} }

// Column is the head of one column. A Wide column is shown with -o wide only.
type Column struct {
	Name string
	Wide bool
}

// Table is a table in kubectl's look. When Title is set it stands on a line of its own above the table. When no shown
// column has a name there is no header line. A row shorter than Columns is filled with empty cells.
type Table struct {
	Title   string
	Columns []Column
	Rows    [][]Cell
}

// tableLook is how a table is rendered.
type tableLook struct {
	painter
	wide      bool
	noHeaders bool
}

// lines renders t, without line ends.
func (l tableLook) lines(t Table) []string {
	var lines []string
	if t.Title != "" {
		lines = append(lines, l.paint(Strong, t.Title))
	}
	shown := t.shown(l.wide)
	grid := l.grid(t, shown)
	if len(shown) == 0 || len(grid) == 0 {
		return lines
	}
	var buffer bytes.Buffer
	writer := tablewriter.NewTable(&buffer, kubectlLook(len(shown))...)
	// The errors are those of the buffer and of malformed options: neither can happen here.
	_ = writer.Bulk(grid)
	_ = writer.Render()
	for line := range strings.Lines(buffer.String()) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return lines
}

// shown returns the indexes of the columns to show.
func (t Table) shown(wide bool) []int {
	var shown []int
	for i, column := range t.Columns {
		if wide || !column.Wide {
			shown = append(shown, i)
		}
	}
	return shown
}

// grid returns the texts of the shown columns, escaped and coloured, the header as the first row when there is one.
func (l tableLook) grid(t Table, shown []int) [][]string {
	header := make([]string, len(shown))
	named := false
	for i, index := range shown {
		header[i] = Escape(t.Columns[index].Name)
		named = named || header[i] != ""
	}
	var grid [][]string
	if named && !l.noHeaders {
		grid = append(grid, header)
	}
	for _, row := range t.Rows {
		texts := make([]string, len(shown))
		for i, index := range shown {
			if index < len(row) {
				texts[i] = l.paint(row[index].Style, row[index].Text)
			}
		}
		grid = append(grid, texts)
	}
	return grid
}

// kubectlLook returns the options for columns left-aligned and three spaces apart, without any lines.
func kubectlLook(columns int) []tablewriter.Option {
	padding := make([]tw.Padding, columns)
	for i := range padding {
		padding[i] = tw.Padding{Right: "   ", Overwrite: true}
	}
	padding[columns-1] = tw.Padding{Overwrite: true}
	return []tablewriter.Option{
		tablewriter.WithRendition(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Lines: tw.LinesNone, Separators: tw.SeparatorsNone},
		}),
		tablewriter.WithRowConfig(tw.CellConfig{
			Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
			Alignment:  tw.CellAlignment{Global: tw.AlignLeft},
			Padding:    tw.CellPadding{PerColumn: padding},
		}),
		tablewriter.WithEastAsian(tw.Off),
	}
}
