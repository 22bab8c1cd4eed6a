package artifact

import (
	"context"
	"os"
	"path/filepath"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/image"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/layout"
)

const pauseGoMod = "module pause\n\ngo 1.24\n"

// Pause returns the docker-archive of the pods' sandbox image, building it unless the cache has it.
func (c Cache) Pause(ctx context.Context, report *Progress) (string, error) {
	dir := c.entry("pause", source("pause.go.tmpl"), []byte(layout.PauseImage))
	archive := filepath.Join(dir, "pause.tar")
	if complete(dir) {
		return archive, nil
	}
	return archive, c.produce(dir, func(tmp string) error {
		files := map[string][]byte{"go.mod": []byte(pauseGoMod), "main.go": source("pause.go.tmpl")}
		if err := writeFiles(filepath.Join(tmp, "src"), files); err != nil {
			return err
		}
		program := filepath.Join(tmp, "pause")
		build := goBuild{What: "the sandbox image", Dir: filepath.Join(tmp, "src"), Package: ".", Output: program, LDFlags: "-s -w"}
		if err := build.run(ctx, report); err != nil {
			return err
		}
		out, err := os.Create(filepath.Join(tmp, "pause.tar"))
		if err != nil {
			return err
		}
		defer out.Close()
		if err := image.Write(out, image.Spec{Name: layout.PauseImage, Binary: program}); err != nil {
			return err
		}
		return out.Close()
	})
}
