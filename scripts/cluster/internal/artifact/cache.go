// Package artifact builds what a cluster needs and no package manager of the machine has: the Kubernetes components,
// the sandbox image and the router, each from Go modules, kept in a cache outside the source tree.
package artifact

import (
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

//go:embed src
var sources embed.FS

// Cache is a folder of finished builds, one folder each.
type Cache struct{ Dir string }

// OpenCache returns the cache in $SWITCHYARD_CACHE, by default in the user's cache folder. It creates nothing.
func OpenCache() (Cache, error) {
	if dir := os.Getenv("SWITCHYARD_CACHE"); dir != "" {
		abs, err := filepath.Abs(dir)
		return Cache{abs}, err
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return Cache{}, fmt.Errorf("no folder for cached builds: %w; set SWITCHYARD_CACHE", err)
	}
	return Cache{filepath.Join(dir, "switchyard", "cluster")}, nil
}

// entry returns the folder of a build. Its name carries a digest of everything that this tool puts into the build, so
// a changed source is a different build.
func (c Cache) entry(name string, inputs ...[]byte) string {
	sum := sha256.New()
	for _, in := range inputs {
		fmt.Fprintf(sum, "%d:", len(in))
		sum.Write(in)
	}
	return filepath.Join(c.Dir, fmt.Sprintf("%s-%s-%x", name, runtime.GOARCH, sum.Sum(nil)[:6]))
}

// complete says whether the build in this folder was finished.
func complete(dir string) bool {
	_, err := os.Stat(dir)
	return err == nil
}

// produce fills a temporary folder and gives it its final name when fill has succeeded, so that a folder with that name
// is always a finished build. Two processes that build the same thing wait for each other.
func (c Cache) produce(dir string, fill func(tmp string) error) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(dir+".lock", os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("cannot lock %q: %w", lock.Name(), err)
	}
	if complete(dir) {
		return nil
	}
	// Under the lock, a temporary folder is what a killed build left.
	tmp := dir + ".partial"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return err
	}
	if err := fill(tmp); err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	return os.Rename(tmp, dir)
}

func source(name string) []byte {
	data, err := sources.ReadFile("src/" + name)
	if err != nil {
		panic(err) // the file is embedded by name in this package
	}
	return data
}
