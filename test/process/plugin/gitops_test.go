package plugin

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// Flux takes back fields of managers whose names begin with kubectl.
func TestThePluginsFieldManager(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.WithOwnKey("acme")
	s.plugin("suspend", "acme").ends(0)
	s.plugin("renew", "acme").ends(0)
	var managers []string
	for _, entry := range s.Get("acme").ManagedFields {
		if text := entry.FieldsV1.GetRawString(); strings.Contains(text, "f:suspend") || strings.Contains(text, "renew-requested-at") {
			managers = append(managers, entry.Manager)
		}
	}
	if !slices.Contains(managers, "billing-plugin") || slices.ContainsFunc(managers, func(m string) bool { return strings.HasPrefix(m, "kubectl") }) {
		t.Errorf("what the plugin set is owned by %q", managers)
	}
}

// applied is a session as a GitOps tool applies it.
func (s *stage) applied(manager, name string, mark func(*unstructured.Unstructured), spec map[string]any) {
	s.T.Helper()
	session := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"apiKeySecretRef": map[string]any{"name": "key-" + name}}}}
	session.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("BillingSession"))
	session.SetNamespace(s.Namespace)
	session.SetName(name)
	mark(session)
	for field, value := range spec {
		_ = unstructured.SetNestedField(session.Object, value, "spec", field)
	}
	if err := s.Client.Apply(s.T.Context(), client.ApplyConfigurationFromUnstructured(session), client.FieldOwner(manager), client.ForceOwnership); err != nil {
		s.T.Fatal(err)
	}
}

func TestFieldsThatGitDeclares(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	flux := func(u *unstructured.Unstructured) {
		u.SetLabels(map[string]string{"kustomize.toolkit.fluxcd.io/name": "finance", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"})
	}
	argoCD := func(u *unstructured.Unstructured) {
		u.SetAnnotations(map[string]string{"argocd.argoproj.io/tracking-id": "finance-billing:billing.xtracta.com/BillingSession:finance/" + u.GetName()})
	}
	withToken := func(u *unstructured.Unstructured) {
		argoCD(u)
		annotations := u.GetAnnotations()
		annotations[v1alpha1.AnnotationRenewRequestedAt] = "1"
		u.SetAnnotations(annotations)
	}
	s.applied("kustomize-controller", "flux", flux, map[string]any{"suspend": false})
	s.applied("kustomize-controller", "flux-silent", flux, nil)
	s.applied("argocd-controller", "argo", argoCD, map[string]any{"suspend": false})
	s.applied("argocd-controller", "argo-token", withToken, nil)
	s.Create(builders.Session("plain", builders.In(s.Namespace)))

	a := s.plugin("suspend", "--all").ends(0).
		says("Warning: flux: Git declares spec.suspend: Flux (Kustomization flux-system/finance) sets it back", "flux suspend kustomization finance -n flux-system",
			"Warning: argo: Git declares spec.suspend: Argo CD (Application finance-billing)")
	if strings.Count(a.err, "Git declares") != 2 {
		t.Errorf("warns of more than Git declares:\n%s", a.err)
	}
	a = s.plugin("renew", "--all").ends(0).says("Warning: argo-token: Git declares the annotation billing.xtracta.com/renew-requested-at: Argo CD")
	if strings.Count(a.err, "Git declares") != 1 {
		t.Errorf("warns of more than Git declares:\n%s", a.err)
	}
	// What Git does not declare survives the next reconciliation, what it declares does not.
	s.applied("kustomize-controller", "flux", flux, map[string]any{"suspend": false})
	s.applied("kustomize-controller", "flux-silent", flux, nil)
	if s.Get("flux").Spec.Suspend || !s.Get("flux-silent").Spec.Suspend {
		t.Error("Flux would not set back exactly what Git declares")
	}
	s.plugin("suspend", "flux").ends(0).says("Git declares spec.suspend")
}
