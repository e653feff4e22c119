package secret

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// Ownership tells whose a Secret is, as far as its metadata tells.
type Ownership int

const (
	// Foreign: it belongs to somebody else, or nobody knows to whom.
	Foreign Ownership = iota
	// Owned: it names this session as its owner.
	Owned
	// Orphaned: its labels say that it was written for this session, and it names no owner, or
	// only sessions of this name that are gone. It is this session's if its grant is.
	Orphaned
	// OfPredecessor: it belongs to a deleted session of the same name, and to nobody else.
	OfPredecessor
)

// OwnershipOf tells whose the Secret with this metadata is.
//
// Backups, restores and `kubectl delete --cascade=orphan` lose owner references. A Secret that
// was written for this session is taken back; otherwise the file that pods mount would go stale
// beside a session that may not touch it.
func OwnershipOf(session *v1alpha1.BillingSession, metadata metav1.Object) Ownership {
	owners := metadata.GetOwnerReferences()
	isOther := func(o metav1.OwnerReference) bool { return !isSession(o) || o.Name != session.Name }
	switch {
	case slices.ContainsFunc(owners, func(o metav1.OwnerReference) bool { return isSession(o) && o.UID == session.UID }):
		return Owned
	case slices.ContainsFunc(owners, isOther):
		return Foreign
	case isLabelledFor(session, metadata) && (len(owners) == 0 || metadata.GetDeletionTimestamp() == nil):
		return Orphaned
	case len(owners) > 0:
		return OfPredecessor
	}
	return Foreign
}

// Inspect tells what the Secret is to the session. g is its grant; nil if it has none that was
// issued for this session and is as it was written.
func Inspect(session *v1alpha1.BillingSession, secret *corev1.Secret, g *Grant) renewal.SecretState {
	whose := OwnershipOf(session, secret)
	if whose == Orphaned && g == nil {
		whose = Foreign
		if len(secret.OwnerReferences) > 0 {
			whose = OfPredecessor
		}
	}
	switch {
	case whose == Foreign:
		return renewal.SecretForeign
	case whose == OfPredecessor:
		return renewal.SecretOfPredecessor
	case g == nil:
		return renewal.SecretEdited
	case whose == Orphaned || !hasMetadata(session, secret):
		return renewal.SecretDrifted
	}
	return renewal.SecretOurs
}

func isLabelledFor(session *v1alpha1.BillingSession, metadata metav1.Object) bool {
	labels := metadata.GetLabels()
	return labels[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy && labels[v1alpha1.LabelSession] == session.Name
}

// GeneratedFor is the name of the session that the Secret with this metadata was generated for,
// empty for none.
func GeneratedFor(metadata metav1.Object) string {
	for _, owner := range metadata.GetOwnerReferences() {
		if isSession(owner) {
			return owner.Name
		}
	}
	if labels := metadata.GetLabels(); labels[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy {
		return labels[v1alpha1.LabelSession]
	}
	return ""
}

func isSession(owner metav1.OwnerReference) bool {
	group, _, _ := strings.Cut(owner.APIVersion, "/")
	return group == v1alpha1.GroupVersion.Group && owner.Kind == v1alpha1.Kind
}

// withOwner is the list of owners with this session in place of all other sessions. Owners
// of other kinds stay.
func withOwner(session *v1alpha1.BillingSession, owners []metav1.OwnerReference) []metav1.OwnerReference {
	if slices.ContainsFunc(owners, func(o metav1.OwnerReference) bool { return isSession(o) && o.UID == session.UID }) {
		return owners
	}
	return append(slices.DeleteFunc(slices.Clone(owners), isSession), ownerReference(session))
}

// ownerReference makes garbage collection delete the Secret with its session. It does
// not block the deletion of the session, which would take a permission on finalizers.
func ownerReference(session *v1alpha1.BillingSession) metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion:         v1alpha1.GroupVersion.String(),
		Kind:               v1alpha1.Kind,
		Name:               session.Name,
		UID:                session.UID,
		Controller:         ptr.To(true),
		BlockOwnerDeletion: ptr.To(false),
	}
}
