package output

import (
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"golang.org/x/term"
)

// redrawEvery is the shortest time between two pictures: five a second.
const redrawEvery = 200 * time.Millisecond

// The terminal's control sequences (ECMA-48; the cursor ones are DEC private modes).
const (
	hideCursor  = "\x1b[?25l"
	showCursor  = "\x1b[?25h"
	eraseToEnd  = "\x1b[J" // of the screen
	eraseToEdge = "\x1b[K" // of the line
)

// Frame is one picture of a live view.
type Frame struct {
	// Lines is the full picture, for a terminal. It is fit for a terminal already: lines of a table, text from Styled
	// or Escape.
	Lines []string
	// Summary says the same in one line, for everything that is no terminal. The view escapes it. When it is "",
	// nothing is appended.
	Summary string
}

// LiveOptions are the parts of a live view that tests replace.
type LiveOptions struct {
	// Size returns the columns and rows of the terminal, and false when the writer is no terminal. It defaults to
	// asking the writer, and is asked again for every picture, so that a resized window is noticed.
	Size func() (columns, rows int, ok bool)
}

// Live shows a picture that changes. On a terminal it is redrawn in place, at most five times a second, clipped to the
// window, with the cursor hidden. Anywhere else only the summaries are appended, each when it differs from the one
// before, without any control sequence. Its methods may be called from several goroutines.
type Live struct {
	w    io.Writer
	size func() (columns, rows int, ok bool)
	tty  bool

	mu      sync.Mutex
	frame   []string    // the latest picture
	summary string      // the latest summary
	drawn   picture     // what is on the screen
	drawnAt time.Time   // when it was drawn
	timer   *time.Timer // draws the latest picture when it came too soon; nil when none is waiting
	hidden  bool        // the cursor is hidden
	closed  bool
}

// picture is what was drawn into a window of a given size.
type picture struct {
	lines         []string // as drawn, clipped
	frame         []string // as given
	columns, rows int
}

// NewLive returns a live view on w. Close must be called, by defer, so that the terminal gets its cursor back.
func NewLive(w io.Writer, options LiveOptions) *Live {
	l := &Live{w: w, size: options.Size}
	if l.size == nil {
		l.size = func() (int, int, bool) { return terminalSize(w) }
	}
	_, _, l.tty = l.size()
	// Measured like the tables: ambiguous characters are narrow, whatever the locale says.
	twwidth.SetEastAsian(false)
	return l
}

// IsTerminal tells whether the view draws pictures; otherwise it appends summaries.
func (l *Live) IsTerminal() bool { return l.tty }

// Update shows a new frame. After Close it does nothing.
func (l *Live) Update(frame Frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	if !l.tty {
		if summary := Escape(frame.Summary); summary != "" && summary != l.summary {
			l.summary = summary
			_, _ = io.WriteString(l.w, summary+"\n")
		}
		return
	}
	l.frame = splitLines(frame.Lines)
	wait := redrawEvery - time.Since(l.drawnAt)
	switch {
	case l.timer != nil: // the waiting one will draw this frame
	case wait <= 0:
		l.draw("")
	default:
		l.timer = time.AfterFunc(wait, l.drawLater)
	}
}

// Line writes text, which is fit for a terminal already, as a line that stays: above the picture on a terminal,
// appended anywhere else. After Close it still writes.
func (l *Live) Line(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.tty || l.closed || l.drawn.lines == nil {
		_, _ = io.WriteString(l.w, text+"\n")
		return
	}
	l.draw(text + "\n")
}

// Close draws the latest frame in full, leaves it on the screen and shows the cursor again. It may be called twice.
func (l *Live) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.tty && !slices.Equal(l.frame, l.drawn.lines) {
		l.draw("")
	}
	if l.hidden {
		_, _ = io.WriteString(l.w, showCursor)
	}
}

// drawLater draws the frame that came too soon.
func (l *Live) drawLater() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = nil
	if !l.closed {
		l.draw("")
	}
}

// draw writes above (whole lines, or nothing) and the latest frame below it over the picture on the screen, in one
// write, so that no half of a picture is ever seen. A picture that is on the screen already is not drawn again.
func (l *Live) draw(above string) {
	columns, rows, ok := l.size()
	if !ok || columns < 2 || rows < 2 {
		columns, rows = 80, 24
	}
	same := columns == l.drawn.columns && rows == l.drawn.rows
	if above == "" && same && !l.closed && slices.Equal(l.frame, l.drawn.frame) {
		return
	}
	var text strings.Builder
	if !l.hidden {
		text.WriteString(hideCursor)
		l.hidden = true
	}
	text.WriteString(cursorUp(l.drawn.height(columns, rows)))
	if above != "" || !same {
		text.WriteString(eraseToEnd)
	}
	text.WriteString(above)
	lines := clip(l.frame, columns-1, rows-1, !l.closed)
	for _, line := range lines {
		text.WriteString(line + eraseToEdge + "\n")
	}
	text.WriteString(eraseToEnd)
	_, _ = io.WriteString(l.w, text.String())
	l.drawn = picture{lines: lines, frame: l.frame, columns: columns, rows: rows}
	l.drawnAt = time.Now()
}

// height returns how many rows p takes up in a window of the given size. Most terminals wrap long lines again when a
// window is made narrower, which makes the picture higher.
func (p picture) height(columns, rows int) int {
	height := 0
	for _, line := range p.lines {
		height += 1 + max(0, twwidth.Width(line)-1)/columns
	}
	return min(height, rows-1)
}

// clip returns lines cut to the given columns and, when limited, to the given rows; the last row then tells how many
// lines are missing.
func clip(lines []string, columns, rows int, limited bool) []string {
	hidden := 0
	if limited && len(lines) > rows {
		hidden = len(lines) - (rows - 1)
		lines = lines[:rows-1]
	}
	clipped := make([]string, 0, len(lines)+1)
	for _, line := range lines {
		if twwidth.Width(line) > columns {
			line = twwidth.Truncate(line, columns, "…")
		}
		clipped = append(clipped, line)
	}
	if hidden > 0 {
		clipped = append(clipped, twwidth.Truncate(sprintf("… %d more lines", hidden), columns, "…"))
	}
	return clipped
}

// splitLines returns lines with those that hold line breaks split up, never nil.
func splitLines(lines []string) []string {
	split := []string{}
	for _, line := range lines {
		split = append(split, strings.Split(line, "\n")...)
	}
	return split
}

// cursorUp returns the sequence that moves the cursor up by the given rows and to the first column.
func cursorUp(rows int) string {
	if rows == 0 {
		return ""
	}
	return sprintf("\r\x1b[%dA", rows)
}

// RestoreTerminal shows the cursor again when w is a terminal. It is for ends that do not get to Close.
func RestoreTerminal(w io.Writer) {
	if _, _, ok := terminalSize(w); ok {
		_, _ = io.WriteString(w, showCursor)
	}
}

// terminalSize returns the columns and rows of the terminal behind w, or false when w is no terminal or one that knows
// no control sequences.
func terminalSize(w io.Writer) (columns, rows int, ok bool) {
	file, isFile := w.(interface{ Fd() uintptr })
	if !isFile || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" {
		return 0, 0, false
	}
	// Like printers.AllowsColorOutput: older Windows consoles print control sequences as text.
	if runtime.GOOS == "windows" && os.Getenv("WT_SESSION") == "" {
		return 0, 0, false
	}
	columns, rows, err := term.GetSize(int(file.Fd()))
	return columns, rows, err == nil
}
