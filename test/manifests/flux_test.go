package manifests_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

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

// everythingToApply is what config/ has for a cluster: what Helm and Kustomize render, and the samples that are
// applied as they are.
func everythingToApply(t *testing.T) map[string]manifests.Manifest {
	t.Helper()
	found := map[string]manifests.Manifest{"chart": rendered(t, everything)}
	for _, folder := range []string{"default", "namespaced", "shards", "prometheus", "grafana", "samples", "samples/link", "samples/policies", "argocd", "argocd/together", "flux/together"} {
		found[folder] = manifests.Rendered(t, folder)
	}
	for _, path := range samples {
		found[path] = sample(t, path)
	}
	return found
}
