package kube

import (
	"testing"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

func TestNotFound(t *testing.T) {
	tests := []struct {
		name     string
		asked    string
		existing []string
		want     string
	}{
		{"a typing error", "hallo", []string{"world", "hello"}, `no Service "hallo" in namespace "shop"; did you mean hello?`},
		{"nothing like it", "payments", []string{"web", "api"}, `no Service "payments" in namespace "shop"; there is api, web`},
		{"nothing at all", "hello", nil, `no Service "hello" in namespace "shop"; there is none at all: is it the right namespace (-n) and context?`},
		{"more than fit a line", "payments", []string{"s9", "s8", "s7", "s6", "s5", "s4", "s3", "s2", "s1"},
			`no Service "payments" in namespace "shop"; there are s1, s2, s3, s4, s5, s6, s7, s8 and 1 more`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := NotFound("Service", test.asked, "shop", test.existing)
			if err.Error() != test.want || exit.CodeOf(err) != exit.Usage {
				t.Errorf("got  %q (exit code %d)\nwant %q (exit code %d)", err, exit.CodeOf(err), test.want, exit.Usage)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	tests := []struct {
		name, asked, want string
		candidates        []string
	}{
		{"the same", "hello", "hello", []string{"hallo", "hello"}},
		{"one letter too many", "helllo", "hello", []string{"world", "hello"}},
		{"one letter missing at the end", "hell", "hello", []string{"world", "hello"}},
		{"two letters swapped", "hlelo", "hello", []string{"world", "hello"}},
		{"the closer of two", "web-frontend", "web-frontent", []string{"web-backend", "web-frontent"}},
		{"the first of two equally close", "web", "wea", []string{"wea", "wec"}},
		{"more than half of it wrong", "web", "", []string{"api"}},
		{"nothing to choose from", "web", "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Nearest(test.asked, test.candidates); got != test.want {
				t.Errorf("Nearest(%q) = %q, want %q", test.asked, got, test.want)
			}
		})
	}
}
