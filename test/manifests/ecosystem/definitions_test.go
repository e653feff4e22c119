package ecosystem

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/xtracta/billing-operator/hack/gobuild"
	"github.com/xtracta/billing-operator/test/env"
)

// release is a module that has CustomResourceDefinitions, in the version that the samples are
// for. The sum is that of go.sum.
type release struct {
	module, version, sum string
	// files have the definitions. Where there are none, they are generated from the package.
	files []string
	types string
}

var releases = []release{
	{
		module: "github.com/external-secrets/external-secrets", version: "v1.3.2", sum: "h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=",
		files: []string{
			"config/crds/bases/external-secrets.io_externalsecrets.yaml",
			"config/crds/bases/external-secrets.io_pushsecrets.yaml",
			"config/crds/bases/external-secrets.io_secretstores.yaml",
		},
	},
	{
		module: "github.com/bitnami-labs/sealed-secrets", version: "v0.40.0", sum: "h1:rvCP35JL8ZV5LNA2SrwNR6iLyoM3ulrSFWN0lBtYEYI=",
		files: []string{"helm/sealed-secrets/crds/bitnami.com_sealedsecrets.yaml"},
	},
	{
		module: "sigs.k8s.io/gateway-api", version: "v1.6.3", sum: "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
		files: []string{"config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"},
	},
	{
		module: "github.com/fluxcd/source-controller", version: "v1.9.6", sum: "h1:nG534/bI6nVpyHra7ONAk6xDB3xPsVT+EOLHZHXPrrc=",
		files: []string{
			"config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml",
			"config/crd/bases/source.toolkit.fluxcd.io_ocirepositories.yaml",
		},
	},
	{
		module: "github.com/fluxcd/kustomize-controller", version: "v1.9.6", sum: "h1:XB+G3A0mky0j5uVHZWv4oSlS2RvZBoNIUhstIvY0JKE=",
		files: []string{"config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml"},
	},
	// Its main module is none that the module proxy can serve.
	{
		module: "github.com/fluxcd/helm-controller/api", version: "v1.6.5", sum: "h1:ElqM5KIpdUwVK1VSi1fXcMwOlf0LghuqwM2SwqaTyNs=",
		types: "./v2",
	},
}

// definitions are the paths of all definitions, ours among them.
func definitions(t *testing.T) []string {
	t.Helper()
	paths := []string{env.CRDs()}
	for _, r := range releases {
		folder := r.download(t)
		for _, file := range r.files {
			paths = append(paths, filepath.Join(folder, filepath.FromSlash(file)))
		}
		if r.types != "" {
			paths = append(paths, generate(t, folder, r.types))
		}
	}
	return paths
}

// download returns the folder of the module in the module cache.
func (r release) download(t *testing.T) string {
	t.Helper()
	command := gobuild.Command{Dir: t.TempDir(), Env: []string{"GOWORK=off"}, Progress: os.Stderr}
	out, err := command.Output(t.Context(), "mod", "download", "-json", r.module+"@"+r.version)
	if err != nil {
		t.Fatal(err)
	}
	var downloaded struct{ Dir, Sum string }
	if err := json.Unmarshal([]byte(out), &downloaded); err != nil {
		t.Fatal(err)
	}
	if downloaded.Sum != r.sum {
		t.Fatalf("%s@%s has the sum %s, want %s", r.module, r.version, downloaded.Sum, r.sum)
	}
	return downloaded.Dir
}

// generate makes the definitions from the types, as their authors do.
func generate(t *testing.T, folder, types string) string {
	t.Helper()
	generator, out := filepath.Join(t.TempDir(), "controller-gen"), t.TempDir()
	ours := gobuild.Command{Dir: env.Path(), Progress: os.Stderr}
	if _, err := ours.Output(t.Context(), "build", "-o", generator, "sigs.k8s.io/controller-tools/cmd/controller-gen"); err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), generator, "crd", "paths="+types, fmt.Sprintf("output:crd:dir=%s", out))
	run.Dir, run.Env = folder, append(os.Environ(), "GOWORK=off")
	if said, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return out
}
