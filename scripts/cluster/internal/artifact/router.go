package artifact

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	routerModule  = "github.com/traefik/traefik/v3"
	routerVersion = "v3.7.5"
	// routerExt is a module inside Traefik's tree that is not published by itself.
	routerExt        = "=> ./pkg/config/dynamic/ext"
	gatewayModule    = "sigs.k8s.io/gateway-api"
	gatewayVersion   = "v1.6.3"
	routerExtFolder  = "ext"
	routerExtModFile = "module github.com/traefik/traefik/dynamic/ext\n\ngo 1.25.0\n"
)

// Router is a built router.
type Router struct {
	// Program is Traefik's binary.
	Program string
	// CRDs is the folder of the Gateway API's definitions, standard channel.
	CRDs string
}

// Router returns the router, building it unless the cache has it. A cold build takes minutes.
func (c Cache) Router(ctx context.Context, report *Progress) (Router, error) {
	dir := c.entry("traefik-"+routerVersion, source("routerext.go.tmpl"), []byte(gatewayVersion+routerLDFlags()))
	router := Router{Program: filepath.Join(dir, "traefik"), CRDs: filepath.Join(dir, "crds")}
	if complete(dir) {
		return router, nil
	}
	return router, c.produce(dir, func(tmp string) error {
		report.Step("building Traefik " + routerVersion + " into " + dir)
		if err := copyCRDs(ctx, filepath.Join(tmp, "crds")); err != nil {
			return err
		}
		return buildRouter(ctx, tmp, report)
	})
}

func routerLDFlags() string {
	return fmt.Sprintf("-s -w -X %s/pkg/version.Version=%s", routerModule, strings.TrimPrefix(routerVersion, "v"))
}

func buildRouter(ctx context.Context, dir string, report *Progress) error {
	module, err := moduleDir(ctx, routerModule, routerVersion)
	if err != nil {
		return err
	}
	released, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return err
	}
	goMod, err := routerGoMod(string(released))
	if err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		return err
	}
	src := filepath.Join(dir, "src")
	err = writeFiles(src, map[string][]byte{
		"go.mod":                      []byte(goMod),
		"go.sum":                      sums,
		routerExtFolder + "/go.mod":   []byte(routerExtModFile),
		routerExtFolder + "/types.go": source("routerext.go.tmpl"),
	})
	if err != nil {
		return err
	}
	return goBuild{
		What:    "Traefik " + routerVersion,
		Dir:     src,
		Package: routerModule + "/cmd/traefik",
		Output:  filepath.Join(dir, "traefik"),
		LDFlags: routerLDFlags(),
	}.run(ctx, report)
}

// routerGoMod turns Traefik's go.mod into that of a module that requires Traefik: `replace` and `exclude` lines count
// only in the module that is built, so they are taken over.
func routerGoMod(released string) (string, error) {
	if !moduleLine.MatchString(released) || !strings.Contains(released, routerExt) {
		return "", fmt.Errorf("go.mod of %s %s does not replace its nested module; its layout is not the expected one", routerModule, routerVersion)
	}
	out := moduleLine.ReplaceAllLiteralString(released, "module router")
	out = strings.Replace(out, routerExt, "=> ./"+routerExtFolder, 1)
	return out + fmt.Sprintf("\nrequire %s %s\n", routerModule, routerVersion), nil
}

// copyCRDs copies the Gateway API's definitions out of its Go module.
func copyCRDs(ctx context.Context, to string) error {
	module, err := moduleDir(ctx, gatewayModule, gatewayVersion)
	if err != nil {
		return err
	}
	from := filepath.Join(module, "config", "crd", "standard")
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	content := map[string][]byte{}
	for _, f := range files {
		if content[f.Name()], err = os.ReadFile(filepath.Join(from, f.Name())); err != nil {
			return err
		}
	}
	return writeFiles(to, content)
}
