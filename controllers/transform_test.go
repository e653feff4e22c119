package controllers

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/controllers/status"
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

// TestALargeSessionIsCachedInPart: a pass reads live what is not cached, and must be told.
func TestALargeSessionIsCachedInPart(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why  string
		add  func(*v1alpha1.BillingSession)
		isIn bool
	}{
		{"none of it is long", func(*v1alpha1.BillingSession) {}, true},
		{"an ordinary template", builders.Template(
			map[string]v1alpha1.LabelValue{"team": "a"}, map[string]v1alpha1.AnnotationValue{"note": v1alpha1.AnnotationValue(strings.Repeat("x", 1024))}), true},
		{"a long URL", func(s *v1alpha1.BillingSession) { s.Status.URL = strings.Repeat("x", 4<<10) }, true},
		{"the longest template", builders.LongestTemplate("😀"), false},
		{"a template of many short entries", func(s *v1alpha1.BillingSession) {
			s.Spec.SecretTemplate = &v1alpha1.SecretTemplate{Labels: map[string]v1alpha1.LabelValue{}}
			for i := range maxCachedBytes / entryBytes {
				s.Spec.SecretTemplate.Labels[strconv.Itoa(i)] = ""
			}
		}, false},
		{"a status that somebody filled", func(s *v1alpha1.BillingSession) {
			s.Status.Conditions = append(s.Status.Conditions, metav1.Condition{Message: strings.Repeat("x", large)})
		}, false},
		{"all that the schema allows", func(s *v1alpha1.BillingSession) { fill(t, s) }, false},
	} {
		session := builders.Session("acme", builders.In("finance"), builders.SecretName("url"), builders.Expiration(600))
		row.add(session)
		whole := session.DeepCopy()
		for range 2 { // informers strip some objects twice
			if _, err := stripSession(session); err != nil {
				t.Fatal(err)
			}
		}
		if isCut(session) == row.isIn || equality.Semantic.DeepEqual(session.Spec, whole.Spec) != row.isIn {
			t.Errorf("%s: cached in part: %t", row.why, isCut(session))
		}
		if got := cachedBytes(t, session); got > 2*maxCachedBytes {
			t.Errorf("%s: %d bytes are cached", row.why, got)
		}
		session.Spec.SecretTemplate, whole.Spec.SecretTemplate = nil, nil
		if !equality.Semantic.DeepEqual(session.Spec, whole.Spec) {
			t.Errorf("%s: what indexes and claims read is gone: %+v", row.why, session.Spec)
		}
	}
}

// TestMetricsOfALargeSessionAreComplete compares what they read of a whole session and of the
// part that is cached.
func TestMetricsOfALargeSessionAreComplete(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	at := func(d time.Duration) *metav1.Time { return ptr.To(metav1.NewTime(now.Add(d))) }
	condition := func(kind string, is metav1.ConditionStatus, reason string) metav1.Condition {
		return metav1.Condition{Type: kind, Status: is, Reason: reason, Message: strings.Repeat("x", large)}
	}
	for _, s := range []v1alpha1.BillingSessionStatus{
		{Conditions: []metav1.Condition{condition("Other", metav1.ConditionTrue, "Other")}},
		{Conditions: []metav1.Condition{condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonIssued)}, ExpirationTime: at(time.Hour), RenewalTime: at(time.Minute)},
		{Conditions: []metav1.Condition{condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonIssued)}, ExpirationTime: at(time.Minute),
			IssuedFor: &v1alpha1.IssuedFor{ClockOffsetSeconds: 3600}},
		{Conditions: []metav1.Condition{
			condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonIssued),
			condition(v1alpha1.ConditionRenewalFailing, metav1.ConditionTrue, v1alpha1.ReasonThrottled),
		}, ExpirationTime: at(time.Hour), RenewalTime: at(time.Minute)},
		{Conditions: []metav1.Condition{condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonExpired)},
			ExpirationTime: at(-time.Hour), LastAttempt: &v1alpha1.Attempt{Outcome: v1alpha1.OutcomeUnavailable}},
	} {
		session := builders.Session("acme")
		session.Status = s
		want := status.Summarize(session, now)
		if _, err := stripSession(session); err != nil || !isCut(session) {
			t.Fatalf("not cut: %v", err)
		}
		if got := status.Summarize(session, now); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if !session.Status.ExpirationTime.Equal(s.ExpirationTime) || !session.Status.RenewalTime.Equal(s.RenewalTime) {
			t.Errorf("expires %v, is renewed %v", session.Status.ExpirationTime, session.Status.RenewalTime)
		}
	}
}

// fill makes spec and status as long as the schema allows.
func fill(t *testing.T, session *v1alpha1.BillingSession) {
	t.Helper()
	text, err := os.ReadFile("../config/crd/bases/billing.xtracta.com_billingsessions.yaml")
	must(t, err)
	var crd apiextensionsv1.CustomResourceDefinition
	must(t, yaml.UnmarshalStrict(text, &crd))
	schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties
	filled, err := json.Marshal(map[string]any{"spec": longest(schema["spec"]), "status": longest(schema["status"])})
	must(t, err)
	must(t, json.Unmarshal(filled, session))
	session.Status.Conditions[0].Type = v1alpha1.ConditionReady
	session.Status.Conditions[1].Type = v1alpha1.ConditionRenewalFailing
}

// longest is the longest value that a schema allows, but for patterns and rules.
func longest(schema apiextensionsv1.JSONSchemaProps) any {
	switch {
	case len(schema.Enum) > 0:
		return schema.Enum[0]
	case schema.Format == "date-time":
		return "2026-01-01T00:00:00Z"
	case schema.Type == "string":
		return strings.Repeat("😀", int(*schema.MaxLength))
	case schema.Type == "integer":
		return 1
	case schema.Type == "boolean":
		return true
	case schema.Type == "array":
		items := make([]any, *schema.MaxItems)
		for i := range items {
			items[i] = longest(*schema.Items.Schema)
		}
		return items
	}
	object := map[string]any{}
	for name, property := range schema.Properties {
		object[name] = longest(property)
	}
	for i := range ptr.Deref(schema.MaxProperties, 0) {
		object[fmt.Sprintf("%0317d", i)] = longest(*schema.AdditionalProperties.Schema)
	}
	return object
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
		{"one with many short entries", func(s *corev1.Secret) {
			for i := range maxCachedBytes / entryBytes {
				s.Labels[strconv.Itoa(i)] = ""
			}
		}, false},
		{"one with many owners", func(s *corev1.Secret) {
			for range maxCachedBytes / entryBytes {
				s.OwnerReferences = append(s.OwnerReferences, metav1.OwnerReference{})
			}
		}, false},
		{"one with a finalizer", func(s *corev1.Secret) { s.Finalizers = []string{strings.Repeat("x", large)} }, false},
		{"one with a long URL", func(s *corev1.Secret) { s.Data["url"] = make([]byte, 4<<10) }, true},
	} {
		s, err := secret.Compose(session, nil, &secret.Grant{Grant: renewal.Grant{}, URL: endpoint.NewURL("https://xtracta.com/")})
		must(t, err)
		s.UID, s.ResourceVersion = "secret-uid", "9"
		row.edit(s)
		cached, err := stripSecret(s)
		must(t, err)
		kept := cached.(*corev1.Secret)
		if isStripped(kept) == row.whole || (len(kept.Data) > 0) != row.whole {
			t.Errorf("%s: cached whole: %t", row.why, !isStripped(kept))
		}
		if kept.Name != "acme" || kept.UID != "secret-uid" || kept.ResourceVersion != "9" {
			t.Errorf("%s: its identity is gone: %+v", row.why, kept.ObjectMeta)
		}
		if got := cachedBytes(t, kept); got > maxCachedBytes {
			t.Errorf("%s: %d bytes are cached", row.why, got)
		}
	}
}

// must ends the test if something that it needs fails.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
