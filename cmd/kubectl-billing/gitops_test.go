package main

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func labelled(key, value string) change {
	return func(s *v1alpha1.BillingSession) { metav1.SetMetaDataLabel(&s.ObjectMeta, key, value) }
}

func annotated(key, value string) change {
	return func(s *v1alpha1.BillingSession) { metav1.SetMetaDataAnnotation(&s.ObjectMeta, key, value) }
}

func owned(manager string, operation metav1.ManagedFieldsOperationType, fields string) change {
	return func(s *v1alpha1.BillingSession) {
		s.ManagedFields = append(s.ManagedFields, metav1.ManagedFieldsEntry{
			Manager: manager, Operation: operation, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields)})
	}
}

const (
	declaresSuspend = `{"f:metadata":{"f:labels":{}},"f:spec":{"f:apiKeySecretRef":{},"f:suspend":{}}}`
	declaresNothing = `{"f:metadata":{"f:labels":{}},"f:spec":{"f:apiKeySecretRef":{}}}`
	declaresToken   = `{"f:metadata":{"f:annotations":{".":{},"f:billing.xtracta.com/renew-requested-at":{}}}}`
	apply, update   = metav1.ManagedFieldsOperationApply, metav1.ManagedFieldsOperationUpdate
)

func flux(s *v1alpha1.BillingSession) {
	labelled("kustomize.toolkit.fluxcd.io/name", "finance")(s)
	labelled("kustomize.toolkit.fluxcd.io/namespace", "flux-system")(s)
}

func argoCD(s *v1alpha1.BillingSession) {
	annotated("argocd.argoproj.io/tracking-id", "finance-billing:billing.xtracta.com/BillingSession:finance/acme")(s)
}

func TestWhatGitDeclares(t *testing.T) {
	token := []string{"metadata", "annotations", v1alpha1.AnnotationRenewRequestedAt}
	suspend := []string{"spec", "suspend"}
	for _, row := range []struct {
		why     string
		changes []change
		path    []string
		want    []string // of the warning; none if empty
	}{
		{"nobody applies it from Git", []change{owned("kubectl-client-side-apply", update, declaresSuspend)}, suspend, nil},
		{"Flux declares it", []change{flux, owned("kustomize-controller", apply, declaresSuspend)}, suspend,
			[]string{"acme: Git declares spec.suspend: Flux (Kustomization flux-system/finance)", "flux suspend kustomization finance -n flux-system"}},
		{"Flux declares other fields", []change{flux, owned("kustomize-controller", apply, declaresNothing)}, suspend, nil},
		{"the plugin itself set it", []change{flux, owned("kustomize-controller", apply, declaresNothing), owned(fieldManager, update, declaresSuspend)}, suspend, nil},
		{"somebody set it by hand", []change{flux, owned("kustomize-controller", apply, declaresNothing), owned("kubectl-edit", update, declaresSuspend)}, suspend, nil},
		{"a release of Flux declares it", []change{labelled("helm.toolkit.fluxcd.io/name", "billing"), labelled("helm.toolkit.fluxcd.io/namespace", "apps"),
			owned("helm-controller", update, declaresSuspend)}, suspend,
			[]string{"Flux (HelmRelease apps/billing)", "flux suspend helmrelease billing -n apps"}},
		{"Argo CD declares it, applied by the server", []change{argoCD, owned("argocd-controller", apply, declaresSuspend)}, suspend,
			[]string{"acme: Git declares spec.suspend: Argo CD (Application finance-billing)", "Change it in Git"}},
		{"Argo CD declares it, applied by the client", []change{argoCD, owned("argocd-controller", update, declaresSuspend)}, suspend, []string{"Argo CD"}},
		{"Argo CD declares it, and somebody has changed it since",
			[]change{argoCD, owned("argocd-controller", update, declaresNothing), owned(fieldManager, update, declaresSuspend),
				annotated(lastApplied, `{"kind":"BillingSession","spec":{"suspend":false}}`)}, suspend, []string{"Argo CD"}},
		{"Argo CD tracks by its own label", []change{labelled("argocd.argoproj.io/instance", "billing"), owned("argocd-controller", apply, declaresSuspend)}, suspend,
			[]string{"Argo CD (Application billing)"}},
		{"Argo CD tracks by the common label", []change{labelled("app.kubernetes.io/instance", "billing"), owned("argocd-controller", apply, declaresSuspend)}, suspend,
			[]string{"Argo CD (Application billing)"}},
		{"the common label of a release of Helm", []change{labelled("app.kubernetes.io/instance", "billing"), owned("helm", update, declaresSuspend),
			annotated(lastApplied, `{"spec":{"suspend":false}}`)}, suspend, nil},
		{"an action of Argo CD's user interface is not Git", []change{argoCD, owned("argocd-server", update, declaresSuspend)}, suspend, nil},
		{"Flux declares a renew token", []change{flux, owned("kustomize-controller", apply, declaresToken)}, token, []string{"Git declares spec.suspend: Flux"}},
		{"Flux declares no renew token", []change{flux, owned("kustomize-controller", apply, declaresSuspend)}, token, nil},
		{"managed fields that nobody can read", []change{flux, owned("kustomize-controller", apply, `{"f:spec":`)}, suspend, nil},
		{"managed fields of another shape", []change{flux, owned("kustomize-controller", apply, `{"f:spec":[]}`)}, suspend, nil},
		{"no managed fields", []change{flux, func(s *v1alpha1.BillingSession) {
			s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kustomize-controller", Operation: apply}}
		}}, suspend, nil},
	} {
		t.Run(row.why, func(t *testing.T) {
			streams, _, _, errOut := genericiooptions.NewTestIOStreams()
			warnIfGitDeclares(&environment{IOStreams: streams}, session("acme", row.changes...), "spec.suspend", row.path...)
			for _, part := range row.want {
				if !strings.Contains(errOut.String(), part) {
					t.Errorf("does not say %q: %s", part, errOut)
				}
			}
			if len(row.want) == 0 && errOut.Len() > 0 {
				t.Errorf("warns: %s", errOut)
			}
		})
	}
}
