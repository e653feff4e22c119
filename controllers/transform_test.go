package controllers

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/test/env/builders"
)

const large = 200 << 10

// cachedBytes is about what an object costs in a cache.
func cachedBytes(t *testing.T, object any) int {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
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
		if err != nil {
			t.Fatal(err)
		}
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

func TestOnlySecretsOfSessionsAreCachedWhole(t *testing.T) {
	t.Parallel()
	session := builders.Session("acme", builders.In("finance"))
	session.UID = "uid"
	for _, row := range []struct {
		why   string
		edit  func(*corev1.Secret)
		whole bool
	}{
		{"one that we wrote", func(*corev1.Secret) {}, true},
		{"one with our label alone", func(s *corev1.Secret) { s.OwnerReferences = nil }, false},
		{"one of another owner", func(s *corev1.Secret) { s.OwnerReferences[0].Kind = "ConfigMap" }, false},
		{"one that somebody filled", func(s *corev1.Secret) { s.Data["more"] = make([]byte, large) }, false},
		{"one that somebody annotated", func(s *corev1.Secret) { s.Annotations["more"] = strings.Repeat("x", large) }, false},
	} {
		s, err := secret.Compose(session, nil, &secret.Grant{Grant: renewal.Grant{}, URL: endpoint.NewURL("https://xtracta.com/")})
		if err != nil {
			t.Fatal(err)
		}
		s.UID, s.ResourceVersion = "secret-uid", "9"
		row.edit(s)
		cached, err := stripSecret(s)
		if err != nil {
			t.Fatal(err)
		}
		kept := cached.(*corev1.Secret)
		if isStripped(kept) == row.whole || (len(kept.Data) > 0) != row.whole {
			t.Errorf("%s: cached whole: %t", row.why, !isStripped(kept))
		}
		if kept.Name != "acme" || kept.UID != "secret-uid" || kept.ResourceVersion != "9" {
			t.Errorf("%s: its identity is gone: %+v", row.why, kept.ObjectMeta)
		}
		if got := cachedBytes(t, kept); got > 4<<10 {
			t.Errorf("%s: %d bytes are cached", row.why, got)
		}
	}
}
