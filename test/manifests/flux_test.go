package manifests_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

// Flux's postBuild puts values into the place of ${name} in whatever is not marked. It fails on names
// that it does not know, or leaves nothing in their place.
func TestFluxSubstitutesNothingOfOurs(t *testing.T) {
	for where, objects := range everythingToApply(t) {
		for _, object := range objects {
			text, err := yaml.Marshal(object.Object)
			if err != nil {
				t.Fatal(err)
			}
			const mark = "kustomize.toolkit.fluxcd.io/substitute"
			if strings.Contains(string(text), "${") && object.GetAnnotations()[mark] != "disabled" && object.GetLabels()[mark] != "disabled" {
				t.Errorf("%s: Flux would alter %s", where, key(object))
			}
		}
	}
}

// everythingToApply is what config/ has for a cluster: what Kustomize and Helm render, and each file that is
// applied as it is.
func everythingToApply(t *testing.T) map[string]manifests.Manifest {
	t.Helper()
	found := map[string]manifests.Manifest{"chart": rendered(t, everything)}
	err := filepath.WalkDir(env.Path("config"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(env.Path("config"), path)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir():
			if name == "chart" || entry.Name() == "resource_customizations" {
				return fs.SkipDir
			}
		case entry.Name() == "kustomization.yaml":
			found[filepath.Dir(name)] = buildable(t, filepath.Dir(name))
		case filepath.Ext(name) == ".yaml" && entry.Name() != "kustomizeconfig.yaml":
			found[name] = sample(t, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil || len(found) < 20 {
		t.Fatalf("%d places in config/: %v", len(found), err)
	}
	return found
}

// buildable is what Kustomize renders of a folder, or nothing for a component, which is a part of
// another.
func buildable(t *testing.T, folder string) manifests.Manifest {
	t.Helper()
	text, err := os.ReadFile(env.Path("config", folder, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(strings.Fields(string(text)), "Component") {
		return nil
	}
	return manifests.Rendered(t, folder)
}
