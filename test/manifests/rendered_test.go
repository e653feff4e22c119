package manifests_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/manifests"
	"github.com/xtracta/billing-operator/test/fixtures"
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

func TestNoRoleHasAWildcard(t *testing.T) {
	objects := manifests.Rendered(t, "default")
	for _, kind := range []string{"ClusterRole", "Role"} {
		if rules := find(t, objects.OfKind(kind), "{.rules}"); rules == "" || strings.Contains(rules, "*") {
			t.Errorf("there is no %s, or one has a wildcard: %s", kind, rules)
		}
	}
}

// The situations that Argo CD's and Flux's code are tested with are written by
// hand: they must at least be what the API allows.
func TestSituationsAreSessions(t *testing.T) {
	for _, row := range fixtures.Situations(t) {
		t.Run(row.Situation, func(t *testing.T) {
			var session v1alpha1.BillingSession
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(row.Session.Object, &session, true); err != nil {
				t.Fatal(err)
			}
			looked := session.Status.ObservedGeneration >= 0
			if ready := meta.FindStatusCondition(session.Status.Conditions, v1alpha1.ConditionReady); (ready != nil) != looked {
				t.Errorf("Ready is %v although the session was looked at: %v", ready, looked)
			}
		})
	}
}
