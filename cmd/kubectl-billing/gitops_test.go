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
	declaresSuspend = `{"f:metadata":{"f:labels":{}},"f:spec":{"f:apiKeySecretRef":{},"f:suspend":{}}}`
	declaresNothing = `{"f:metadata":{"f:labels":{}},"f:spec":{"f:apiKeySecretRef":{}}}`
	declaresToken   = `{"f:metadata":{"f:annotations":{".":{},"f:billing.xtracta.com/renew-requested-at":{}}}}`
)

// What Git declares does not survive the next reconciliation, whatever people do.
func TestWhatGitDeclares(t *testing.T) {
	for _, row := range []struct {
		why     string
		changes []change
		field   string
		want    string // the warning
	}{
		{"nobody applies it from Git", []change{owned("kubectl-client-side-apply", declaresSuspend)}, "suspend", ""},
		{"a Kustomization of Flux declares it", []change{owned("kustomize-controller", declaresSuspend)}, "suspend", "Git declares suspend, so Flux sets it back"},
		{"a release of Flux declares it", []change{owned("helm-controller", declaresSuspend)}, "suspend", "Flux"},
		{"Argo CD declares it", []change{owned("argocd-controller", declaresSuspend)}, "suspend", "Argo CD"},
		{"Argo CD declares it, and somebody has changed it since",
			[]change{owned("argocd-controller", declaresNothing), owned(fieldManager, declaresSuspend), annotated(lastApplied, `{"spec":{"suspend":false}}`)}, "suspend", "Argo CD"},
		{"Flux declares other fields, and the plugin itself set it", []change{owned("kustomize-controller", declaresNothing), owned(fieldManager, declaresSuspend)}, "suspend", ""},
		{"it was applied by Helm", []change{owned("helm", declaresSuspend), annotated(lastApplied, `{"spec":{"suspend":false}}`)}, "suspend", ""},
		{"an action of Argo CD's user interface is not Git", []change{owned("argocd-server", declaresSuspend)}, "suspend", ""},
		{"Flux declares a renew token", []change{owned("kustomize-controller", declaresToken)}, v1alpha1.AnnotationRenewRequestedAt, "Flux"},
		{"Flux declares no renew token", []change{owned("kustomize-controller", declaresSuspend)}, v1alpha1.AnnotationRenewRequestedAt, ""},
		{"no managed fields", []change{func(s *v1alpha1.BillingSession) {
			s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kustomize-controller"}}
		}}, "suspend", ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			streams, _, _, errOut := genericiooptions.NewTestIOStreams()
			warnIfGitDeclares(&environment{IOStreams: streams}, session("acme", row.changes...), row.field)
			if said := errOut.String(); (said == "") != (row.want == "") || !strings.Contains(said, row.want) {
				t.Errorf("says %q, want %q", said, row.want)
			}
		})
	}
}
