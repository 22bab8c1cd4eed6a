package cli

import (
	"slices"
	"testing"
	"time"
)

func TestKeepFor(t *testing.T) {
	const rule = `must be "forever" or a duration with a unit, such as 0s, 30s or 10m`
	tests := map[string]struct {
		want KeepFor
		text string
		err  string
	}{
		"forever": {KeepFor{Forever: true}, "forever", ""},
		"0s":      {KeepFor{}, "0s", ""},
		"10m":     {KeepFor{For: 10 * time.Minute}, "10m0s", ""},
		"1.5h":    {KeepFor{For: 90 * time.Minute}, "1h30m0s", ""},
		"0":       {err: rule},
		"-0":      {err: rule},
		"10":      {err: rule},
		"-10m":    {err: rule},
		"":        {err: rule},
		"Forever": {err: rule},
		"10 m":    {err: rule},
	}
	for value, tt := range tests {
		t.Run(value, func(t *testing.T) {
			before := KeepFor{For: time.Second}
			got := before
			if err := got.Set(value); err != nil {
				if err.Error() != tt.err || got != before {
					t.Errorf("Set = %v and %+v, want %q and the value before", err, got, tt.err)
				}
				return
			}
			if tt.err != "" || got != tt.want || got.String() != tt.text {
				t.Errorf("Set gave %+v (%s), want %+v (%s) %s", got, got, tt.want, tt.text, tt.err)
			}
		})
	}
}

func TestDryRun(t *testing.T) {
	tests := map[DryRun]struct {
		active bool
		suffix string
		write  []string
	}{
		"":           {false, "", nil},
		DryRunNone:   {false, "", nil},
		DryRunClient: {true, " (dry run)", nil},
		DryRunServer: {true, " (server dry run)", []string{"All"}},
	}
	for d, want := range tests {
		t.Run(string(d), func(t *testing.T) {
			if d.Active() != want.active || d.Suffix() != want.suffix || !slices.Equal(d.WriteOptions(), want.write) {
				t.Errorf("%v %q %q, want %+v", d.Active(), d.Suffix(), d.WriteOptions(), want)
			}
		})
	}
}
