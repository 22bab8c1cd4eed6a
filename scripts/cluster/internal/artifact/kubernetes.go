package artifact

import (
	"context"
	"os"
	"path/filepath"
)

// components are the names under which the one Kubernetes program is linked.
var components = []string{
	"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl",
}

const kubernetesProgram = "kubernetes"

// KubernetesDir returns the folder of a version's components, whether built or not.
func (c Cache) KubernetesDir(v Version) string {
	return c.entry("kubernetes-"+v.String(), source("kubernetes.go.tmpl"), []byte(v.ldflags()))
}

// Kubernetes returns the folder of a version's components, building them unless the cache has them. A cold build takes
// minutes.
func (c Cache) Kubernetes(ctx context.Context, v Version, report *Progress) (string, error) {
	dir := c.KubernetesDir(v)
	if complete(dir) {
		return dir, nil
	}
	return dir, c.produce(dir, func(tmp string) error {
		report.Step("building Kubernetes " + v.String() + " into " + dir)
		return buildKubernetes(ctx, v, tmp, report)
	})
}

func buildKubernetes(ctx context.Context, v Version, dir string, report *Progress) error {
	module, err := moduleDir(ctx, "k8s.io/kubernetes", v.String())
	if err != nil {
		return err
	}
	released, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return err
	}
	goMod, err := KubernetesGoMod(string(released), v)
	if err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		return err
	}
	src := filepath.Join(dir, "src")
	files := map[string][]byte{"go.mod": []byte(goMod), "go.sum": sums, "main.go": source("kubernetes.go.tmpl")}
	if err := writeFiles(src, files); err != nil {
		return err
	}
	build := goBuild{What: "Kubernetes " + v.String(), Dir: src, Package: ".", Output: filepath.Join(dir, kubernetesProgram), LDFlags: v.ldflags()}
	if err := build.run(ctx, report); err != nil {
		return err
	}
	for _, name := range components {
		if err := os.Symlink(kubernetesProgram, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
