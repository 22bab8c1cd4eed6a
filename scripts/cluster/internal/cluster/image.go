package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/host"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/image"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/state"
)

// LoadBinary makes an image from a program and loads it into every running node.
func LoadBinary(ctx context.Context, spec image.Spec, streams Streams) error {
	if err := host.CheckSupported(); err != nil {
		return err
	}
	s, err := load(streams)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "switchyard-image-*.tar")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	err = image.Write(file, spec)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return s.loadArchive(ctx, spec.Name, file.Name(), streams)
}

// LoadArchives loads image archives into every running node.
func LoadArchives(ctx context.Context, files []string, streams Streams) error {
	if err := host.CheckSupported(); err != nil {
		return err
	}
	s, err := load(streams)
	if err != nil {
		return err
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("cannot read image archive: %w", err)
		}
		if err := s.loadArchive(ctx, file, file, streams); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) loadArchive(ctx context.Context, what, file string, streams Streams) error {
	off := map[string]bool{}
	for _, n := range s.st.Nodes {
		off[n.Name] = !n.Powered
	}
	err := s.eachNode(func(n state.Node) error {
		if off[n.Name] {
			return nil
		}
		return s.importImage(ctx, n.Index, file)
	})
	if err != nil {
		return err
	}
	for _, n := range s.st.Nodes {
		text := "loaded"
		if off[n.Name] {
			text = "not loaded, the node is off; load it again after `cluster node start " + n.Name + "`"
		}
		fmt.Fprintf(streams.Out, "%s: %s: %s\n", n.Name, what, text)
	}
	return nil
}
