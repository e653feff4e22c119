package secret

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// ownership tells whose a Secret is.
type ownership int

const (
	// foreign: it belongs to somebody else, or nobody knows to whom.
	foreign ownership = iota
	// owned: it names this session as its owner.
	owned
	// orphaned: it was written for this session, and its owner reference was lost.
	orphaned
	// ofPredecessor: it belongs to a deleted session of the same name, and to nobody else.
	ofPredecessor
)

// ownershipOf tells whose the Secret is. isIntact reports whether it is as it was written,
// and living are the UIDs of the other sessions that it names as owners and that still exist.
//
// Backups, restores and `kubectl delete --cascade=orphan` lose owner references. A Secret
// that this session's labels and an intact digest show to be ours is taken back; otherwise
// the file that pods mount would go stale beside a session that may not touch it.
func ownershipOf(session *v1alpha1.BillingSession, secret *corev1.Secret, isIntact bool, living []types.UID) ownership {
	if slices.ContainsFunc(secret.OwnerReferences, func(o metav1.OwnerReference) bool { return isSession(o) && o.UID == session.UID }) {
		if secret.DeletionTimestamp != nil {
			return ofPredecessor
		}
		return owned
	}
	exists := func(o metav1.OwnerReference) bool { return !isSession(o) || slices.Contains(living, o.UID) }
	ofName := func(o metav1.OwnerReference) bool { return o.Name == session.Name }
	switch {
	case slices.ContainsFunc(secret.OwnerReferences, exists):
		return foreign
	case secret.DeletionTimestamp == nil && isLabelledFor(session, secret) && isIntact:
		return orphaned
	case slices.ContainsFunc(secret.OwnerReferences, ofName):
		return ofPredecessor
	}
	return foreign
}

func isLabelledFor(session *v1alpha1.BillingSession, secret *corev1.Secret) bool {
	return secret.Labels[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy && secret.Labels[v1alpha1.LabelSession] == session.Name
}

// IsOwnedBy reports whether the Secret names the session as its owner and is not being
// deleted.
func IsOwnedBy(session *v1alpha1.BillingSession, secret *corev1.Secret) bool {
	return ownershipOf(session, secret, false, nil) == owned
}

// OtherOwners are the sessions that the Secret names as owners and whose existence decides
// whether it is this session's. There are none where something else decides.
func OtherOwners(session *v1alpha1.BillingSession, secret *corev1.Secret) []metav1.OwnerReference {
	// The digest is costly, and decides only of what would be an orphan.
	if ownershipOf(session, secret, true, nil) != orphaned || !IsIntact(secret) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(secret.OwnerReferences), func(o metav1.OwnerReference) bool { return o.Name == session.Name })
}

// GeneratedFor is the name of the session that the Secret was generated for, empty for
// none.
func GeneratedFor(secret *corev1.Secret) string {
	for _, owner := range secret.OwnerReferences {
		if isSession(owner) {
			return owner.Name
		}
	}
	if secret.Labels[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy {
		return secret.Labels[v1alpha1.LabelSession]
	}
	return ""
}

// HasOwner reports whether the Secret names a session as its owner.
func HasOwner(secret *corev1.Secret) bool {
	return slices.ContainsFunc(secret.OwnerReferences, isSession)
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
