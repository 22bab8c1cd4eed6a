package output

import (
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// Duration returns d for people: 850ms, 4.2s, 1m05s, 2h03m, 2d03h; below a millisecond 850µs. The last place is rounded.
func Duration(d time.Duration) string {
	if d < 0 {
		return "-" + Duration(-d)
	}
	switch {
	case d == 0:
		return "0s"
	case d.Round(time.Microsecond) < time.Millisecond:
		return fmt.Sprintf("%dµs", d.Round(time.Microsecond)/time.Microsecond)
	case d.Round(time.Millisecond) < time.Second:
		return fmt.Sprintf("%dms", d.Round(time.Millisecond)/time.Millisecond)
	case d.Round(100*time.Millisecond) < time.Minute:
		return strconv.FormatFloat(d.Round(100*time.Millisecond).Seconds(), 'f', -1, 64) + "s"
	case d.Round(time.Second) < time.Hour:
		return twoPlaces(d, time.Minute, time.Second, "m", "s")
	case d.Round(time.Minute) < 24*time.Hour:
		return twoPlaces(d, time.Hour, time.Minute, "h", "m")
	default:
		return twoPlaces(d, 24*time.Hour, time.Hour, "d", "h")
	}
}

// twoPlaces returns d in a major and a minor unit, the minor one with two digits and rounded.
func twoPlaces(d, major, minor time.Duration, majorName, minorName string) string {
	d = d.Round(minor)
	return fmt.Sprintf("%d%s%02d%s", d/major, majorName, d%major/minor, minorName)
}

// Age returns how long t is before now, as kubectl's AGE column does; "<unknown>" when t is zero.
func Age(t, now time.Time) string {
	if t.IsZero() {
		return "<unknown>"
	}
	return duration.HumanDuration(now.Sub(t))
}
