package secret

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// sessionRef is a reference to a session as the owner.
func sessionRef(name string, uid types.UID) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.Kind, Name: name, UID: uid}
}

var configMapRef = metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "config", UID: "uid"}

func ownedBy(owners ...metav1.OwnerReference) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{OwnerReferences: owners}}
}

// The controller writes to what it owns, keeps whole what a session owns, and sends no URL as
// a key: each asks for the owner in another way.
func TestWhoseASecretIs(t *testing.T) {
	t.Parallel()
	leaving := ownedBy(sessionRef("acme", "uid"))
	leaving.DeletionTimestamp = &metav1.Time{}
	taken := written(t, owner())
	taken.OwnerReferences = []metav1.OwnerReference{sessionRef("other", "x")}
	labelled := func(by, of string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.LabelManagedBy: by, v1alpha1.LabelSession: of}}}
	}
	otherKind := sessionRef("acme", "uid")
	otherKind.Kind = "BillingReport"
	for _, row := range []struct {
		why    string
		secret *corev1.Secret
		// ours, owned and generatedFor are what IsOwnedBy, HasOwner and GeneratedFor say.
		ours, owned  bool
		generatedFor string
		others       []metav1.OwnerReference
	}{
		{why: "nobody's", secret: ownedBy()},
		{why: "ours", secret: ownedBy(sessionRef("acme", "uid")), ours: true, owned: true, generatedFor: "acme"},
		{why: "ours, but gone in a moment", secret: leaving, owned: true, generatedFor: "acme"},
		{why: "of our predecessor, which no lookup by name can find", secret: ownedBy(sessionRef("acme", "earlier")), owned: true, generatedFor: "acme"},
		{why: "of another session, and not written for this one", secret: ownedBy(sessionRef("other", "x")), owned: true, generatedFor: "other"},
		{why: "written for this session, of another one that may have gone", secret: taken, owned: true, generatedFor: "other",
			others: []metav1.OwnerReference{sessionRef("other", "x")}},
		{why: "ours and another session's", secret: ownedBy(configMapRef, sessionRef("acme", "uid"), sessionRef("other", "x")), ours: true, owned: true,
			generatedFor: "acme"},
		{why: "of another kind of object with our UID", secret: ownedBy(configMapRef)},
		{why: "of another kind of our API", secret: ownedBy(otherKind)},
		{why: "written for a session, with its owner reference lost", secret: labelled(v1alpha1.ManagedBy, "lost"), generatedFor: "lost"},
		{why: "with a label that anybody may set", secret: labelled("helm", "lost")},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			before := row.secret.DeepCopy()
			if got := IsOwnedBy(owner(), row.secret); got != row.ours {
				t.Errorf("owned by the session: %t", got)
			}
			if got := HasOwner(row.secret); got != row.owned {
				t.Errorf("owned by any session: %t", got)
			}
			if got := GeneratedFor(row.secret); got != row.generatedFor {
				t.Errorf("generated for %q, want %q", got, row.generatedFor)
			}
			if diff := cmp.Diff(row.others, OtherOwners(owner(), row.secret), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("other owners (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(before, row.secret); diff != "" {
				t.Errorf("a Secret of the cache has changed (-before +after)\n%s", diff)
			}
		})
	}
}

// Without the controller's reference garbage collection would not delete the Secret, and one
// that blocks the deletion would need a permission that the operator does not have.
// Where there is one, nothing of the list is written anew, whatever is beside it: tools that order
// or complete such lists would do it again, in turn with us.
func TestOwnerReferenceIsOursAlone(t *testing.T) {
	t.Parallel()
	added, yes, no := sessionRef("acme", "uid"), true, false
	added.Controller, added.BlockOwnerDeletion = &yes, &no
	other, ours := sessionRef("other", "x"), sessionRef("acme", "uid")
	for _, row := range []struct{ before, want []metav1.OwnerReference }{
		{[]metav1.OwnerReference{configMapRef, sessionRef("acme", "earlier"), other}, []metav1.OwnerReference{configMapRef, added}},
		{[]metav1.OwnerReference{other, ours, configMapRef}, []metav1.OwnerReference{other, ours, configMapRef}},
	} {
		if diff := cmp.Diff(row.want, WithMetadata(owner(), ownedBy(row.before...)).OwnerReferences); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}
