package secret

import (
	"testing"

	"github.com/google/go-cmp/cmp"
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

// TestWhoseASecretIs tells what is written to, what is taken back, and whose URL is not sent as a key.
func TestWhoseASecretIs(t *testing.T) {
	t.Parallel()
	labelled := func(by, of string, owners ...metav1.OwnerReference) *corev1.Secret {
		s := ownedBy(owners...)
		s.Labels = map[string]string{v1alpha1.LabelManagedBy: by, v1alpha1.LabelSession: of}
		return s
	}
	leaving := func(s *corev1.Secret) *corev1.Secret {
		s.DeletionTimestamp = &metav1.Time{}
		return s
	}
	otherKind := sessionRef("acme", "uid")
	otherKind.Kind = "BillingReport"
	ours, earlier, another := sessionRef("acme", "uid"), sessionRef("acme", "earlier"), sessionRef("other", "x")
	for _, row := range []struct {
		why          string
		secret       *corev1.Secret
		want         Ownership
		generatedFor string
	}{
		{"nobody's", ownedBy(), Foreign, ""},
		{"ours", ownedBy(ours), Owned, "acme"},
		{"ours, but a finalizer holds it", leaving(ownedBy(ours)), Owned, "acme"},
		{"ours and another session's", ownedBy(configMapRef, ours, another), Owned, "acme"},
		{"of our predecessor", ownedBy(earlier), OfPredecessor, "acme"},
		{"of another session", ownedBy(another), Foreign, "other"},
		{"of another kind of object with our UID", ownedBy(configMapRef), Foreign, ""},
		{"of another kind of our API", ownedBy(otherKind), Foreign, ""},
		{"written for us", labelled(v1alpha1.ManagedBy, "acme"), Orphaned, "acme"},
		{"written for us, of our predecessor", labelled(v1alpha1.ManagedBy, "acme", earlier), Orphaned, "acme"},
		{"written for us, of our predecessor, which goes", leaving(labelled(v1alpha1.ManagedBy, "acme", earlier)), OfPredecessor, "acme"},
		{"written for us, but a finalizer holds it", leaving(labelled(v1alpha1.ManagedBy, "acme")), Orphaned, "acme"},
		{"written for us, of another session", labelled(v1alpha1.ManagedBy, "acme", another), Foreign, "other"},
		{"written for us, of our predecessor and another session", labelled(v1alpha1.ManagedBy, "acme", earlier, another), Foreign, "acme"},
		{"written for us, of another object", labelled(v1alpha1.ManagedBy, "acme", configMapRef), Foreign, "acme"},
		{"written for another session", labelled(v1alpha1.ManagedBy, "other"), Foreign, "other"},
		{"with a label that anybody may set", labelled("helm", "acme"), Foreign, ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			before := row.secret.DeepCopy()
			if got := OwnershipOf(owner(), row.secret); got != row.want {
				t.Errorf("ownership %d, want %d", got, row.want)
			}
			if got := GeneratedFor(row.secret); got != row.generatedFor {
				t.Errorf("generated for %q, want %q", got, row.generatedFor)
			}
			if outline := Outline(row.secret); OwnershipOf(owner(), &outline) != row.want || GeneratedFor(&outline) != row.generatedFor {
				t.Errorf("the outline that is cached tells otherwise: %+v", outline)
			}
			if diff := cmp.Diff(before, row.secret); diff != "" {
				t.Errorf("a Secret has changed (-before +after)\n%s", diff)
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
