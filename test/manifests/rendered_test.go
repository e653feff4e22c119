package manifests_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

// Each way to install the CustomResourceDefinition carries what keeps a tool from pruning it:
// with it go all sessions.
func TestNoToolPrunesTheCRD(t *testing.T) {
	for _, folder := range []string{"crd", "default", "namespaced", "namespaced/operator", "shards"} {
		t.Run(folder, func(t *testing.T) { expectCRDKept(t, manifests.Rendered(t, folder)) })
	}
}

func expectCRDKept(t *testing.T, objects manifests.Manifest) {
	t.Helper()
	definitions := objects.OfKind("CustomResourceDefinition")
	if len(definitions) != 1 {
		t.Fatalf("there are %d CustomResourceDefinitions", len(definitions))
	}
	annotations := definitions[0].GetAnnotations()
	maps.DeleteFunc(annotations, func(name, _ string) bool { return strings.HasPrefix(name, "controller-gen.kubebuilder.io/") })
	want := map[string]string{
		"kustomize.toolkit.fluxcd.io/prune": "disabled",
		"argocd.argoproj.io/sync-options":   "Prune=false,Delete=false",
		"helm.sh/resource-policy":           "keep",
	}
	if diff := cmp.Diff(want, annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

// A session's status may hold the URL, so nobody may see sessions for being
// allowed to see everything harmless.
func TestNothingIsAddedToView(t *testing.T) {
	roles := manifests.Rendered(t, "default").OfKind("ClusterRole")
	if got := find(t, roles, `{.metadata.labels.rbac\.authorization\.k8s\.io/aggregate-to-view}`); strings.TrimSpace(got) != "" {
		t.Errorf("a ClusterRole is aggregated to view: %q", got)
	}
}
