package manifests_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// source is a module that has CustomResourceDefinitions, in the version that the samples are
// for. The sum is that of go.sum.
type source struct {
	module, version, sum string
	files                []string
}

var sources = []source{
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
}

// definitions are the paths of all definitions. That of Flux's HelmRelease is in testdata, as
// no module that a proxy can serve has it. See there for how it was made.
func definitions(t *testing.T) []string {
	t.Helper()
	paths := []string{"testdata/helm.toolkit.fluxcd.io_helmreleases.yaml"}
	folders := downloads(t)
	for _, s := range sources {
		for _, file := range s.files {
			paths = append(paths, filepath.Join(folders[s.module], filepath.FromSlash(file)))
		}
	}
	return paths
}

// downloads are the folders of the modules in the module cache.
func downloads(t *testing.T) map[string]string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "mod", "download", "-json")
	command.Dir, command.Env = t.TempDir(), append(os.Environ(), "GOWORK=off")
	wanted, got, folders := map[string]string{}, map[string]string{}, map[string]string{}
	for _, s := range sources {
		command.Args = append(command.Args, s.module+"@"+s.version)
		wanted[s.module] = s.sum
	}
	output, err := command.Output()
	if err != nil && len(output) == 0 {
		t.Fatal(err)
	}
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var module struct{ Path, Dir, Sum, Error string }
		switch err := decoder.Decode(&module); {
		case errors.Is(err, io.EOF):
			if diff := cmp.Diff(wanted, got); diff != "" {
				t.Fatalf("the sums of the modules (-want +got):\n%s", diff)
			}
			return folders
		case err != nil:
			t.Fatal(err)
		case module.Error != "":
			t.Fatal(module.Error)
		}
		got[module.Path], folders[module.Path] = module.Sum, module.Dir
	}
}
