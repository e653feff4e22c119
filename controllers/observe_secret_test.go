package controllers

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/secret"
)

// TestAStatusVouchesForASecretOnce, at the first look of a process: whoever may write statuses could
// otherwise have an edit that this process has found taken for its own write.
func TestAStatusVouchesForASecretOnce(t *testing.T) {
	t.Parallel()
	var local localState
	session := &v1alpha1.BillingSession{Status: v1alpha1.BillingSessionStatus{SecretResourceVersion: "5", ObservedGeneration: 2}}
	local.look(session, time.Now())
	want := intactSecret{at: attemptedWrite{"5", 2}}
	if local.intact != want {
		t.Errorf("after a start %+v is intact, want %+v", local.intact, want)
	}
	edited := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "6", OwnerReferences: []metav1.OwnerReference{
		{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.Kind},
	}}}
	if seen := inspected(observation{session: session, local: &local}, edited, true, nil); seen.secretState != renewal.SecretEdited {
		t.Fatalf("the Secret is %v", seen.secretState)
	}
	session.Status.SecretResourceVersion = "6"
	local.look(session, time.Now())
	if local.intact != (intactSecret{}) {
		t.Errorf("after an edit %+v is intact", local.intact)
	}
}

// TestTheGrantOfAnothersSecretIsNotKept: it would get into this session's status.
func TestTheGrantOfAnothersSecretIsNotKept(t *testing.T) {
	t.Parallel()
	session := &v1alpha1.BillingSession{ObjectMeta: metav1.ObjectMeta{Name: "acme", UID: "uid"}}
	owned := func(name string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{
			{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.Kind, Name: name, UID: "x"},
		}}}
	}
	for _, owner := range []string{"another", "acme"} {
		seen := inspected(observation{session: session, local: &localState{}}, owned(owner), true, &secret.Grant{})
		if seen.secret != nil || seen.inSecret != nil {
			t.Errorf("of a Secret of another session %q: %+v, %+v", owner, seen.secret, seen.inSecret)
		}
	}
}

// TestAForgedOrphanIsReadOnce: whoever made it could otherwise have it, and the key, read at each look.
func TestAForgedOrphanIsReadOnce(t *testing.T) {
	t.Parallel()
	session := &v1alpha1.BillingSession{ObjectMeta: metav1.ObjectMeta{Name: "acme", UID: "uid"}}
	orphan := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "7", Labels: map[string]string{
		v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelSession: "acme",
	}}}
	withoutKeys := &reader{} // reading anything would panic
	seen, isEnough, err := withoutKeys.fromCache(t.Context(), observation{session: session, local: &localState{forged: "7"}}, orphan)
	if err != nil || !isEnough || seen.secretState != renewal.SecretForeign {
		t.Errorf("enough: %t, state %v, %v", isEnough, seen.secretState, err)
	}
}
