package controllers

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

const large = 200 << 10

// cachedBytes is about what an object costs in a cache.
func cachedBytes(t *testing.T, object any) int {
	t.Helper()
	text, err := json.Marshal(object)
	must(t, err)
	return len(text)
}

func TestWhatATenantAddsToASessionIsNotCached(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why string
		add func(*v1alpha1.BillingSession)
	}{
		{"annotations", func(s *v1alpha1.BillingSession) { s.Annotations = map[string]string{"a": strings.Repeat("x", large)} }},
		{"labels", func(s *v1alpha1.BillingSession) { s.Labels = map[string]string{"a": strings.Repeat("x", large)} }},
		{"a renew token", func(s *v1alpha1.BillingSession) {
			s.Annotations = map[string]string{v1alpha1.AnnotationRenewRequestedAt: strings.Repeat("x", large)}
		}},
		{"owners", func(s *v1alpha1.BillingSession) {
			s.OwnerReferences = []metav1.OwnerReference{{Name: strings.Repeat("x", large)}}
		}},
		{"finalizers", func(s *v1alpha1.BillingSession) { s.Finalizers = []string{strings.Repeat("x", large)} }},
		{"managed fields", func(s *v1alpha1.BillingSession) {
			s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: strings.Repeat("x", large)}}
		}},
	} {
		session := builders.Session("acme", builders.In("finance"), builders.Expiration(600))
		session.UID, session.Generation, session.ResourceVersion = "uid", 7, "9"
		row.add(session)
		token := session.Annotations[v1alpha1.AnnotationRenewRequestedAt]
		kept, err := stripSession(session)
		must(t, err)
		if got := cachedBytes(t, kept); got > 2<<10 {
			t.Errorf("%s: %d bytes are cached", row.why, got)
		}
		if session.Name != "acme" || session.UID != "uid" || session.Generation != 7 || session.ResourceVersion != "9" || session.Spec.ExpirationSeconds != 600 {
			t.Errorf("%s: what is read is gone: %+v", row.why, session)
		}
		if asked := session.Annotations[v1alpha1.AnnotationRenewRequestedAt] != ""; asked != (token != "") {
			t.Errorf("%s: a renew token is kept: %t", row.why, asked)
		}
	}
}
