package controllers

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/xtracta/billing-operator/hack/gobuild"
)

// binaries is the module that pins Flux's controller.
const binaries = "binaries"

// programs are what the tests run, and the folders with the definitions of Flux's resources.
type programs struct {
	operator, flux string
	crds           []string
}

// plugin is where build puts kubectl-billing.
var plugin = inBin("kubectl-billing")

// inBin is a path in the folder of what the tests build.
func inBin(program string) string { return filepath.Join(root, "bin", "gitops", program) }

// build compiles the programs into bin/gitops, where a second run finds them.
func build(ctx context.Context) (programs, error) {
	bin, err := filepath.Abs(filepath.Join(root, "bin", "gitops"))
	if err != nil {
		return programs{}, err
	}
	built := programs{operator: filepath.Join(bin, "manager"), flux: filepath.Join(bin, "kustomize-controller")}
	ours := gobuild.Command{Dir: root, Progress: os.Stderr}
	if _, err := ours.Output(ctx, "build", "-o", bin+string(filepath.Separator), "./cmd/manager", "./cmd/kubectl-billing"); err != nil {
		return programs{}, err
	}
	theirs := gobuild.Command{Dir: binaries, Env: []string{"GOWORK=off"}, Progress: os.Stderr}
	if _, err := theirs.Output(ctx, "build", "-v", "-ldflags", "-s -w", "-o", built.flux, "github.com/fluxcd/kustomize-controller"); err != nil {
		return programs{}, err
	}
	built.crds, err = definitions(ctx, theirs)
	return built, err
}

// definitions are the folders with the definitions of Flux's Kustomizations and their sources.
// The last come from source-controller's release, which nothing here compiles.
func definitions(ctx context.Context, module gobuild.Command) ([]string, error) {
	const source = "github.com/fluxcd/source-controller"
	version, err := module.Output(ctx, "list", "-m", "-f", "{{.Version}}", source+"/api")
	if err != nil {
		return nil, err
	}
	if _, err := module.Output(ctx, "mod", "download", source+"@"+strings.TrimSpace(version)); err != nil {
		return nil, err
	}
	folders, err := module.Output(ctx, "list", "-m", "-f", "{{.Dir}}", "github.com/fluxcd/kustomize-controller")
	if err != nil {
		return nil, err
	}
	cache, err := module.Output(ctx, "env", "GOMODCACHE")
	if err != nil {
		return nil, err
	}
	return []string{
		filepath.Join(strings.TrimSpace(folders), "config", "crd", "bases"),
		filepath.Join(strings.TrimSpace(cache), source+"@"+strings.TrimSpace(version), "config", "crd", "bases"),
	}, nil
}
