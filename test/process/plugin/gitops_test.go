package plugin

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// declare applies a session as Flux does.
func (s *stage) declare(name string, spec map[string]any) {
	s.T.Helper()
	spec["apiKeySecretRef"] = map[string]any{"name": "key-" + name}
	session := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	session.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("BillingSession"))
	session.SetNamespace(s.Namespace)
	session.SetName(name)
	session.SetLabels(map[string]string{"kustomize.toolkit.fluxcd.io/name": "finance", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"})
	s.Must(s.Client.Apply(s.T.Context(), client.ApplyConfigurationFromUnstructured(session), client.FieldOwner("kustomize-controller"), client.ForceOwnership))
}

// What Git declares does not survive the next reconciliation, and the plugin warns of that. What
// it does not declare survives: Flux takes back fields of managers whose names begin with kubectl.
func TestFieldsThatGitDeclares(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	declareBoth := func() {
		s.declare("declared", map[string]any{"suspend": false})
		s.declare("silent", map[string]any{})
	}
	declareBoth()
	a := s.plugin("suspend", "--all").ends(0).
		says("Warning: declared: Git declares spec.suspend: Flux (Kustomization flux-system/finance) sets it back", "flux suspend kustomization finance -n flux-system")
	if strings.Count(a.err, "Git declares") != 1 {
		t.Errorf("warns of more than Git declares:\n%s", a.err)
	}
	s.plugin("renew", "silent").ends(0)
	var managers []string
	for _, entry := range s.Get("silent").ManagedFields {
		if text := entry.FieldsV1.GetRawString(); strings.Contains(text, "f:suspend") || strings.Contains(text, "renew-requested-at") {
			managers = append(managers, entry.Manager)
		}
	}
	if !slices.Equal(slices.Compact(managers), []string{"billing-plugin"}) {
		t.Errorf("what the plugin set is owned by %q", managers)
	}
	declareBoth()
	if s.Get("declared").Spec.Suspend || !s.Get("silent").Spec.Suspend {
		t.Error("Flux would not set back exactly what Git declares")
	}
	s.plugin("suspend", "declared").ends(0).says("Git declares spec.suspend")
}
