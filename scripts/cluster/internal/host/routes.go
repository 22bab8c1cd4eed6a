package host

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
)

// Route is one route of `ip -json route`.
type Route struct {
	Type    string `json:"type"`
	Dst     string `json:"dst"`
	Dev     string `json:"dev"`
	Gateway string `json:"gateway"`
	Metric  int    `json:"metric"`
}

// Routes returns the IPv4 routes of the root namespace's main table.
func Routes(ctx context.Context) ([]Route, error) {
	out, err := Run(ctx, "ip", "-4", "-json", "route", "show")
	if err != nil {
		return nil, err
	}
	return ParseRoutes(out)
}

// ParseRoutes parses the output of `ip -json route`.
func ParseRoutes(text string) ([]Route, error) {
	var routes []Route
	if err := json.Unmarshal([]byte(text), &routes); err != nil {
		return nil, fmt.Errorf("output of ip -json route: %w", err)
	}
	return routes, nil
}

// Overlapping returns the routes, apart from default routes, whose destination shares an address with one of the
// ranges.
func Overlapping(routes []Route, ranges []string) []Route {
	var found []Route
	for _, r := range routes {
		dst, ok := destination(r.Dst)
		if !ok {
			continue
		}
		for _, text := range ranges {
			if dst.Overlaps(netip.MustParsePrefix(text)) {
				found = append(found, r)
				break
			}
		}
	}
	return found
}

// destination parses a prefix or a single address; "default" is neither.
func destination(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p, p.Bits() > 0
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}
