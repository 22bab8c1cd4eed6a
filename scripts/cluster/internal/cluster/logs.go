package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/state"
)

// Logs prints a component's log. With follow it goes on until the context ends. It also works for the logs that a
// failed `up` has kept.
func Logs(ctx context.Context, component string, follow bool, streams Streams) error {
	paths := layout.Paths{StateDir: layout.DefaultStateDir}
	if st, err := state.Load(layout.StateFile()); err == nil && st != nil {
		paths.StateDir = st.StateDir
	}
	names, err := logNames(paths.Logs())
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return ErrNotUp
	}
	if !slices.Contains(names, component) {
		return fmt.Errorf("no component %q; there are %s", component, strings.Join(names, ", "))
	}
	f, err := os.Open(paths.Log(component))
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		if _, err := io.Copy(streams.Out, f); err != nil || !follow {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// logNames lists the components that have a log.
func logNames(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if name, ok := strings.CutSuffix(path, ".log"); err == nil && ok {
			names = append(names, strings.TrimPrefix(name, dir+"/"))
		}
		return err
	})
	slices.Sort(names)
	return names, err
}
