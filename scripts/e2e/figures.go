package e2e

import (
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"text/tabwriter"
)

// figure is one measured value.
type figure struct {
	test, name, value, unit string
}

// figureList collects the figures of a run.
type figureList struct {
	mu   sync.Mutex
	list []figure
}

var figures figureList

// Figure reports a measured value, such as Figure(t, "first answer of the new version", 4.9, "s"). All figures of a run
// are printed as a table at its end, and appended to the file $SWITCHYARD_FIGURES.
func Figure(t testing.TB, name string, value float64, unit string) {
	t.Helper()
	f := figure{test: t.Name(), name: name, value: fmt.Sprintf("%.4g", value), unit: unit}
	if value == float64(int64(value)) {
		f.value = fmt.Sprintf("%d", int64(value))
	}
	t.Logf("figure: %s: %s %s", f.name, f.value, f.unit)
	figures.mu.Lock()
	defer figures.mu.Unlock()
	figures.list = append(figures.list, f)
}

// publish prints the table, and appends it to the file when a name is given.
func (l *figureList) publish(out io.Writer, file string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) == 0 {
		return nil
	}
	if file != "" {
		opened, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer opened.Close()
		out = io.MultiWriter(out, opened)
	}
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "TEST\tFIGURE\tVALUE\tUNIT")
	for _, f := range l.list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", f.test, f.name, f.value, f.unit)
	}
	return table.Flush()
}
