package main

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

// readManifest reads the new Deployment that -f or -k name, nil when neither is given. Other kinds in the files are
// passed over and said; there must be exactly one Deployment.
func (a *actor) readManifest(from source) (*unstructured.Unstructured, error) {
	if len(from.Filenames) == 0 && from.Kustomize == "" {
		return nil, nil
	}
	builder := resource.NewLocalBuilder().Unstructured().ContinueOnError().Flatten()
	files := slices.DeleteFunc(slices.Clone(from.Filenames), func(name string) bool { return name == "-" })
	if len(files) < len(from.Filenames) {
		builder = builder.Stream(a.env.In, "stdin")
	}
	if len(files) > 0 || from.Kustomize != "" {
		builder = builder.FilenameParam(false, &resource.FilenameOptions{Filenames: files, Kustomize: from.Kustomize})
	}
	infos, err := builder.Do().Infos()
	if err != nil {
		return nil, exit.Errorf(exit.Usage, "read the manifest: %w", err)
	}
	var found []*unstructured.Unstructured
	for _, info := range infos {
		object, ok := info.Object.(*unstructured.Unstructured)
		switch {
		case ok && object.GetKind() == "Deployment":
			found = append(found, object)
		case ok:
			a.messages.Notef("%s %s in the manifest is passed over: only the Deployment is used", object.GetKind(), object.GetName())
		}
	}
	if len(found) != 1 {
		return nil, exit.Errorf(exit.Usage, "the manifest holds %d Deployments; it must hold exactly one, the new side's", len(found))
	}
	return found[0], nil
}
