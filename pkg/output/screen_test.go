package output

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// screen is a small terminal: it acts on the control sequences that the live view may use and fails on any other.
type screen struct {
	t             *testing.T
	mu            sync.Mutex
	columns, rows int
	lines         []string // all lines ever, the scrolled-off ones first
	row           int      // of the cursor, an index into lines
	hidden        bool
	writes        int
}

func newScreen(t *testing.T, columns, rows int) *screen {
	return &screen{t: t, columns: columns, rows: rows, lines: []string{""}}
}

// size is what a Live asks.
func (s *screen) size() (columns, rows int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.columns, s.rows, true
}

// resize gives the window a new size; narrower, it wraps the long lines again.
func (s *screen) resize(columns, rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var wrapped []string
	for i, line := range s.lines {
		for len(line) > columns {
			wrapped = append(wrapped, line[:columns])
			line = line[columns:]
		}
		wrapped = append(wrapped, line)
		if i == s.row {
			s.row = len(wrapped) - 1
		}
	}
	s.lines, s.columns, s.rows = wrapped, columns, rows
}

// control is one control sequence, colours apart.
var control = regexp.MustCompile(`^\x1b\[(\??)(\d*)([A-Za-z])`)

// Write acts on text.
func (s *screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	for rest := string(text); rest != ""; {
		if match := control.FindStringSubmatch(rest); match != nil {
			s.act(match[1]+match[3], match[2])
			rest = rest[len(match[0]):]
			continue
		}
		s.put(rest[0])
		rest = rest[1:]
	}
	return len(text), nil
}

// put writes one byte at the end of the cursor's line: the view never writes into the middle of one.
func (s *screen) put(char byte) {
	switch char {
	case '\r':
	case '\n':
		s.row++
		if s.row == len(s.lines) {
			s.lines = append(s.lines, "")
		}
	case '\x1b':
		s.t.Errorf("unknown control sequence")
	default:
		if s.fresh() {
			s.lines[s.row] = ""
		}
		s.lines[s.row] += string([]byte{char})
	}
}

// fresh tells whether the cursor's line holds text of an earlier picture: such lines end with a mark.
func (s *screen) fresh() bool { return strings.HasSuffix(s.lines[s.row], "\x00") }

// act acts on one control sequence.
func (s *screen) act(name, number string) {
	switch name {
	case "A":
		up, err := strconv.Atoi(number)
		if err != nil || up > s.rows-1 {
			s.t.Errorf("cursor up by %q in a window of %d rows", number, s.rows)
		}
		s.row = max(0, s.row-up)
		for i := s.row; i < len(s.lines); i++ {
			s.lines[i] += "\x00"
		}
	case "J":
		s.lines = s.lines[:s.row+1]
		s.lines[s.row] = ""
	case "K":
		s.lines[s.row] = strings.TrimSuffix(s.lines[s.row], "\x00")
	case "?l", "?h":
		s.hidden = name == "?l"
	case "m":
	default:
		s.t.Errorf("unknown control sequence %s", name)
	}
}

// text returns everything on the screen and above it.
func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines {
		if twwidth.Width(line) > s.columns {
			s.t.Errorf("line %q is wider than %d columns", line, s.columns)
		}
	}
	return strings.Join(s.lines, "\n")
}

// count returns the number of writes.
func (s *screen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}
