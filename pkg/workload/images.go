package workload

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// ParseImages reads image arguments: `container=image`, or a bare `image` for the only container. It returns images by
// container name, the bare image under the name "", as SetImages and CloneOptions take them. A container named twice,
// more than one bare image and an empty or spaced image are errors.
func ParseImages(args []string) (map[string]string, error) {
	images := map[string]string{}
	for _, arg := range args {
		container, image, named := strings.Cut(arg, "=")
		if !named {
			container, image = "", arg
		}
		switch {
		case named && container == "":
			return nil, fmt.Errorf("image %q: no container before the equals sign: write container=image, or the image alone", arg)
		case image == "" || strings.ContainsAny(image, " \t\n="):
			return nil, fmt.Errorf("image %q: %q is no image reference: write container=image", arg, image)
		}
		if before, twice := images[container]; twice {
			if container == "" {
				return nil, fmt.Errorf("images %q and %q: only one can stand without a container: write container=image", before, image)
			}
			return nil, fmt.Errorf("container %q is given two images, %q and %q", container, before, image)
		}
		images[container] = image
	}
	return images, nil
}

// SetImages sets images by container name in the pod template of u, in place. Init containers can be named too; the
// name "" means the only container. A name the template does not have is an error that lists those it has, and then
// nothing is changed.
func SetImages(u *unstructured.Unstructured, images map[string]string) error {
	containers, err := templateContainers(u, "containers")
	if err != nil {
		return err
	}
	inits, err := templateContainers(u, "initContainers")
	if err != nil {
		return err
	}
	byName, err := resolveImages(u, images, containers, inits)
	if err != nil {
		return err
	}
	for field, list := range map[string][]any{"containers": containers, "initContainers": inits} {
		if len(list) == 0 {
			continue
		}
		for _, c := range list {
			if image, ok := byName[nameOf(c)]; ok {
				c.(map[string]any)["image"] = image
			}
		}
		if err := unstructured.SetNestedSlice(u.Object, list, "spec", "template", "spec", field); err != nil {
			return fmt.Errorf("%s: spec.template.spec.%s: %w", describe(u), field, err)
		}
	}
	return nil
}

// resolveImages replaces the name "" and checks the others.
func resolveImages(u *unstructured.Unstructured, images map[string]string, containers, inits []any) (map[string]string, error) {
	names, initNames := namesOf(containers), namesOf(inits)
	byName := map[string]string{}
	for name, image := range images {
		switch {
		case name == "" && len(names) != 1:
			return nil, fmt.Errorf("%s has %d containers (%s): say which one gets %q: container=image",
				describe(u), len(names), strings.Join(names, ", "), image)
		case name == "":
			name = names[0]
		case !slices.Contains(names, name) && !slices.Contains(initNames, name):
			return nil, fmt.Errorf("%s has no container %q: it has %s", describe(u), name, listContainers(names, initNames))
		}
		if before, twice := byName[name]; twice && before != image {
			return nil, fmt.Errorf("container %q is given two images, %q and %q", name, min(before, image), max(before, image))
		}
		byName[name] = image
	}
	return byName, nil
}

func listContainers(names, initNames []string) string {
	list := strings.Join(names, ", ")
	if len(initNames) > 0 {
		list += " and the init containers " + strings.Join(initNames, ", ")
	}
	return list
}

// templateContainers returns a copy of a container list of the pod template.
func templateContainers(u *unstructured.Unstructured, field string) ([]any, error) {
	list, _, err := unstructured.NestedSlice(u.Object, "spec", "template", "spec", field)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", describe(u), err)
	}
	for i, c := range list {
		if _, ok := c.(map[string]any); !ok {
			return nil, fmt.Errorf("%s: spec.template.spec.%s[%d] is no object", describe(u), field, i)
		}
	}
	return list, nil
}

func namesOf(containers []any) []string {
	var names []string
	for _, c := range containers {
		names = append(names, nameOf(c))
	}
	return names
}

func nameOf(container any) string {
	name, _, _ := unstructured.NestedString(container.(map[string]any), "name")
	return name
}

// describe names an object in an error: deployment "hello".
func describe(u *unstructured.Unstructured) string {
	return fmt.Sprintf("%s %q", strings.ToLower(u.GetKind()), u.GetName())
}
