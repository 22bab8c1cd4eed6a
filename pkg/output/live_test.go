package output

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// frame returns a picture of the given lines.
func frame(lines ...string) Frame { return Frame{Lines: lines, Summary: strings.Join(lines, ", ")} }

// onScreen runs test with a live view on a screen of the given size, under a fake clock.
func onScreen(t *testing.T, columns, rows int, test func(t *testing.T, s *screen, live *Live)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newScreen(t, columns, rows)
		live := NewLive(s, LiveOptions{Size: s.size})
		test(t, s, live)
		live.Close()
		if s.hidden {
			t.Error("the cursor is still hidden after Close")
		}
	})
}

func assertText(t *testing.T, s *screen, want string) {
	t.Helper()
	if got := s.text(); got != want {
		t.Errorf("screen:\n%q\nwant:\n%q", got, want)
	}
}

func TestLiveRedrawsInPlace(t *testing.T) {
	onScreen(t, 40, 10, func(t *testing.T, s *screen, live *Live) {
		s.Write([]byte("$ kubectl bluegreen switch\n"))
		live.Update(frame("blue 3/3", "green 0/3", "third"))
		assertText(t, s, "$ kubectl bluegreen switch\nblue 3/3\ngreen 0/3\nthird\n")
		if !s.hidden {
			t.Error("the cursor is shown")
		}
		time.Sleep(time.Second)
		live.Update(frame("blue 3/3", "green"))
		assertText(t, s, "$ kubectl bluegreen switch\nblue 3/3\ngreen\n")
		time.Sleep(time.Second)
		live.Update(frame("b", "green 2/3", "x", "y"))
		assertText(t, s, "$ kubectl bluegreen switch\nb\ngreen 2/3\nx\ny\n")
	})
}

func TestLiveDrawsAtMostFiveTimesASecond(t *testing.T) {
	onScreen(t, 40, 10, func(t *testing.T, s *screen, live *Live) {
		for i := range 1000 {
			live.Update(frame(fmt.Sprintf("request %d", i)))
			time.Sleep(time.Millisecond)
		}
		if got := s.count(); got < 5 || got > 6 {
			t.Errorf("%d pictures in a second, want 5 and the first", got)
		}
		time.Sleep(redrawEvery)
		assertText(t, s, "request 999\n")
	})
}

func TestLiveDoesNotDrawTheSamePictureAgain(t *testing.T) {
	onScreen(t, 40, 10, func(t *testing.T, s *screen, live *Live) {
		for range 10 {
			live.Update(frame("same"))
			time.Sleep(time.Second)
		}
		if got := s.count(); got != 1 {
			t.Errorf("%d writes, want 1", got)
		}
	})
}

func TestLiveClips(t *testing.T) {
	onScreen(t, 10, 4, func(t *testing.T, s *screen, live *Live) {
		live.Update(frame("日本日本日本", "\x1b[31mred and long text\x1b[0m", "c", "d", "e"))
		assertText(t, s, "日本日本…\nred and …\n… 3 more…\n")
	})
}

func TestLiveSurvivesAResize(t *testing.T) {
	for name, columns := range map[string]int{"narrower": 8, "wider": 60} {
		t.Run(name, func(t *testing.T) {
			onScreen(t, 20, 10, func(t *testing.T, s *screen, live *Live) {
				s.Write([]byte("before\n"))
				live.Update(frame("0123456789abcdef", "short"))
				s.resize(columns, 9)
				time.Sleep(time.Second)
				live.Update(frame("new", "short"))
				assertText(t, s, "before\nnew\nshort\n")
			})
		})
	}
}

func TestLiveLinesStayAboveThePicture(t *testing.T) {
	onScreen(t, 40, 10, func(t *testing.T, s *screen, live *Live) {
		messages := NewMessages(genericiooptions.IOStreams{ErrOut: s}, ColorNever).Through(live)
		messages.Infof("first")
		live.Update(frame("picture", "of two lines"))
		messages.Warnf("image %s is slow", "hello\x1b:2")
		live.Update(frame("picture"))
		live.Close()
		messages.Infof("done")
		assertText(t, s, "first\nwarning: image hello^[:2 is slow\npicture\ndone\n")
	})
}

func TestLiveCloseLeavesTheLastFrameInFull(t *testing.T) {
	onScreen(t, 40, 4, func(t *testing.T, s *screen, live *Live) {
		live.Update(frame("a"))
		live.Update(frame("a", "b", "c", "d", "e", "f")) // too soon to be drawn
		live.Close()
		live.Close()
		live.Update(frame("after the end"))
		assertText(t, s, "a\nb\nc\nd\ne\nf\n")
	})
}

func TestLiveWithoutATerminalAppendsSummaries(t *testing.T) {
	var out bytes.Buffer
	live := NewLive(&out, LiveOptions{})
	for _, summary := range []string{"waiting", "waiting", "", "2 of 3 \x1bready", "waiting"} {
		live.Update(Frame{Lines: []string{"\x1b[31mpicture"}, Summary: summary})
	}
	live.Line("a line")
	live.Close()
	want := "waiting\n2 of 3 ^[ready\nwaiting\na line\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
