package main

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func annotated(key, value string) change {
	return func(s *v1alpha1.BillingSession) { metav1.SetMetaDataAnnotation(&s.ObjectMeta, key, value) }
}

func owned(manager, fields string) change {
	return func(s *v1alpha1.BillingSession) {
		s.ManagedFields = append(s.ManagedFields, metav1.ManagedFieldsEntry{Manager: manager, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields)})
	}
}

const (
	declaresNames   = `{"f:metadata":{"f:labels":{"f:suspend":{}}},"f:spec":{"f:secretTemplate":{"f:labels":{"f:suspend":{}}}}}`
	declaresSuspend = `{"f:metadata":{"f:labels":{}},"f:spec":{"f:apiKeySecretRef":{},"f:suspend":{}}}`
	declaresNothing = `{"f:metadata":{"f:labels":{}},"f:spec":{"f:apiKeySecretRef":{}}}`
	declaresToken   = `{"f:metadata":{"f:annotations":{".":{},"f:billing.xtracta.com/renew-requested-at":{}}}}`
)

// What Git declares does not survive the next reconciliation, whatever people do.
func TestWhatGitDeclares(t *testing.T) {
	suspension, token := []string{"spec", "suspend"}, []string{"metadata", "annotations", v1alpha1.AnnotationRenewRequestedAt}
	for _, row := range []struct {
		why     string
		changes []change
		field   []string
		want    string // the warning
	}{
		{"nobody applies it from Git", []change{owned("kubectl-client-side-apply", declaresSuspend)}, suspension, ""},
		{"a Kustomization of Flux declares it", []change{owned("kustomize-controller", declaresSuspend)}, suspension, "Git declares suspend, so Flux sets it back"},
		{"a release of Flux declares it", []change{owned("helm-controller", declaresSuspend)}, suspension, "Flux"},
		{"Argo CD declares it", []change{owned("argocd-controller", declaresSuspend)}, suspension, "Argo CD"},
		{"Argo CD declares it, and somebody has changed it since",
			[]change{owned("argocd-controller", declaresNothing), owned(fieldManager, declaresSuspend), annotated(lastApplied, `{"spec":{"suspend":false}}`)}, suspension, "Argo CD"},
		{"Flux declares other fields, and the plugin itself set it", []change{owned("kustomize-controller", declaresNothing), owned(fieldManager, declaresSuspend)}, suspension, ""},
		{"it was applied by Helm", []change{owned("helm", declaresSuspend), annotated(lastApplied, `{"spec":{"suspend":false}}`)}, suspension, ""},
		{"an action of Argo CD's user interface is not Git", []change{owned("argocd-server", declaresSuspend)}, suspension, ""},
		{"Flux declares a renew token", []change{owned("kustomize-controller", declaresToken)}, token, "Flux"},
		{"Flux declares no renew token", []change{owned("kustomize-controller", declaresSuspend)}, token, ""},
		{"Flux declares other things of that name",
			[]change{owned("kustomize-controller", declaresNames), annotated(lastApplied, `{"metadata":{"labels":{"suspend":"no"}}}`)}, suspension, ""},
		{"no managed fields", []change{func(s *v1alpha1.BillingSession) {
			s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kustomize-controller"}}
		}}, suspension, ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			streams, _, _, errOut := genericiooptions.NewTestIOStreams()
			warnIfGitDeclares(&environment{IOStreams: streams}, session("acme", row.changes...), row.field...)
			if said := errOut.String(); (said == "") != (row.want == "") || !strings.Contains(said, row.want) {
				t.Errorf("says %q, want %q", said, row.want)
			}
		})
	}
}
