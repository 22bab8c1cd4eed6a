package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/kubectl-switchyard/switchyard/pkg/load"
)

// soFar is a report in one line.
func soFar(r load.Report) string {
	text := "traffic so far: " + thousands(r.Sent) + " requests sent"
	for _, version := range slices.Sorted(maps.Keys(r.ByVersion)) {
		text += fmt.Sprintf(", %s answered by %s", thousands(r.ByVersion[version].Count), version)
	}
	return text + ", " + thousands(r.Lost) + " lost"
}

// printReport writes the final figures as a table.
func printReport(w io.Writer, r load.Report) {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "REQUESTS\tCOUNT\n")
	fmt.Fprintf(table, "sent\t%s\n", thousands(r.Sent))
	for _, version := range slices.Sorted(maps.Keys(r.ByVersion)) {
		fmt.Fprintf(table, "answered by %s\t%s\n", version, thousands(r.ByVersion[version].Count))
	}
	fmt.Fprintf(table, "lost\t%s\n", thousands(r.Lost))
	for _, cause := range slices.Sorted(maps.Keys(r.LostBy)) {
		loss := r.LostBy[cause]
		fmt.Fprintf(table, "  %s\t%s   %s\n", cause, thousands(loss.Count), loss.Example)
	}
	table.Flush()
	fmt.Fprintf(w, "half of the answers took up to %.0f ms, 99 in 100 up to %.0f ms, the slowest %.0f ms\n",
		1000*r.Latency.P50Seconds, 1000*r.Latency.P99Seconds, 1000*r.Latency.MaxSeconds)
}

// thousands writes a number with a comma between groups of three digits.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
