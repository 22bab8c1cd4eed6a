package output

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	tests := map[time.Duration]string{
		0:                                       "0s",
		850 * time.Microsecond:                  "850µs",
		999600 * time.Nanosecond:                "1ms",
		850 * time.Millisecond:                  "850ms",
		999600 * time.Microsecond:               "1s",
		4200 * time.Millisecond:                 "4.2s",
		10 * time.Second:                        "10s",
		59960 * time.Millisecond:                "1m00s",
		65 * time.Second:                        "1m05s",
		59*time.Minute + 59600*time.Millisecond: "1h00m",
		2*time.Hour + 3*time.Minute:             "2h03m",
		51 * time.Hour:                          "2d03h",
		-90 * time.Second:                       "-1m30s",
	}
	for d, want := range tests {
		t.Run(want, func(t *testing.T) {
			if got := Duration(d); got != want {
				t.Errorf("Duration(%v) = %s, want %s", d, got, want)
			}
		})
	}
}

func TestAge(t *testing.T) {
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		t    time.Time
		want string
	}{
		"minutes and seconds": {now.Add(-200 * time.Second), "3m20s"},
		"days":                {now.Add(-72 * time.Hour), "3d"},
		"never":               {time.Time{}, "<unknown>"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Age(tt.t, now); got != tt.want {
				t.Errorf("Age = %s, want %s", got, tt.want)
			}
		})
	}
}
