package artifact

import (
	"fmt"
	"io"
	"os"
	"time"
)

// Progress tells a person what a long job is doing. On a terminal it rewrites one line; elsewhere it appends lines, at
// most one per interval unless a new step begins.
type Progress struct {
	out      io.Writer
	terminal bool
	now      func() time.Time
	start    time.Time
	last     time.Time
}

const (
	terminalInterval = 200 * time.Millisecond
	appendInterval   = 10 * time.Second
)

// NewProgress reports on out.
func NewProgress(out io.Writer) *Progress {
	f, ok := out.(*os.File)
	terminal := false
	if ok {
		info, err := f.Stat()
		terminal = err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	}
	return newProgress(out, terminal, time.Now)
}

func newProgress(out io.Writer, terminal bool, now func() time.Time) *Progress {
	return &Progress{out: out, terminal: terminal, now: now, start: now()}
}

// Step reports the begin of something new: always, on a line of its own.
func (p *Progress) Step(text string) { p.print(text, "\n") }

// Update reports progress within a step.
func (p *Progress) Update(text string) {
	interval, end := appendInterval, "\n"
	if p.terminal {
		interval, end = terminalInterval, ""
	}
	if p.now().Sub(p.last) >= interval {
		p.print(text, end)
	}
}

func (p *Progress) print(text, end string) {
	p.last = p.now()
	begin := ""
	if p.terminal {
		begin = "\r\x1b[K"
	}
	fmt.Fprintf(p.out, "%s%6.1fs  %s%s", begin, p.last.Sub(p.start).Seconds(), text, end)
}
