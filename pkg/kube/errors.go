package kube

import (
	"fmt"
	"sort"
	"strings"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

// NotFound returns the error (exit code 2) for an object that the user named and that does not exist. It names a
// near match among existing, or lists what there is.
func NotFound(kind, name, namespace string, existing []string) error {
	message := fmt.Sprintf("no %s %q in namespace %q", kind, name, namespace)
	if near := Nearest(name, existing); near != "" {
		return exit.Errorf(exit.Usage, "%s; did you mean %s?", message, near)
	}
	return exit.Errorf(exit.Usage, "%s%s", message, listed(existing))
}

// listed says what exists, shortened to what fits a line or two.
func listed(existing []string) string {
	const most = 8
	names := append([]string(nil), existing...)
	sort.Strings(names)
	switch {
	case len(names) == 0:
		return "; there is none at all: is it the right namespace (-n) and context?"
	case len(names) > most:
		return fmt.Sprintf("; there are %s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return "; there is " + strings.Join(names, ", ")
}

// Nearest returns the candidate that name was most likely meant to be, or "" when none is close.
func Nearest(name string, candidates []string) string {
	best, bestDistance := "", len(name)/2+1
	for _, candidate := range candidates {
		if distance := editDistance(name, candidate); distance < bestDistance {
			best, bestDistance = candidate, distance
		}
	}
	return best
}

// editDistance is the Levenshtein distance in bytes; names in Kubernetes are ASCII.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, cost)
		}
	}
	return row[len(b)]
}
