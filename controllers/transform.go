package controllers

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/controllers/status"
)

// The cache holds what the controller reads of each object and no more. Whatever a tenant
// adds to an object would otherwise cost the process as much memory.

// stripSession keeps a session's spec, status and identity, and the one annotation that is
// read. It is also called on what it has stripped before.
func stripSession(object any) (any, error) {
	if session, ok := object.(*v1alpha1.BillingSession); ok {
		stripMetadata(session)
	}
	return object, nil
}

func stripMetadata(session *v1alpha1.BillingSession) {
	var kept metav1.ObjectMeta
	kept.Generation, kept.CreationTimestamp, kept.DeletionTimestamp = session.Generation, session.CreationTimestamp, session.DeletionTimestamp
	if session.Annotations[v1alpha1.AnnotationRenewRequestedAt] != "" {
		kept.Annotations = map[string]string{v1alpha1.AnnotationRenewRequestedAt: status.RenewRequest(session)}
	}
	session.ObjectMeta = withIdentity(kept, session)
}

// stripSecret keeps a Secret's identity and, of a generated one, what describes it.
func stripSecret(object any) (any, error) {
	if o, ok := object.(*metav1.PartialObjectMetadata); ok {
		o.ObjectMeta = withIdentity(secret.Outline(o), o)
	}
	return object, nil
}

func withIdentity(kept metav1.ObjectMeta, o metav1.Object) metav1.ObjectMeta {
	kept.Namespace, kept.Name, kept.UID, kept.ResourceVersion = o.GetNamespace(), o.GetName(), o.GetUID(), o.GetResourceVersion()
	return kept
}
