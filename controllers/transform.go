package controllers

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/controllers/status"
)

// The caches hold what the controller reads of each object and no more. Whatever a tenant
// adds to an object would otherwise cost the process as much memory.

// stripSession keeps a session's spec, status and identity, and the one annotation that is
// read.
func stripSession(object any) (any, error) {
	session, ok := object.(*v1alpha1.BillingSession)
	if !ok {
		return object, nil
	}
	kept := identityOf(session)
	kept.Generation, kept.CreationTimestamp, kept.DeletionTimestamp = session.Generation, session.CreationTimestamp, session.DeletionTimestamp
	if session.Annotations[v1alpha1.AnnotationRenewRequestedAt] != "" {
		kept.Annotations = map[string]string{v1alpha1.AnnotationRenewRequestedAt: status.RenewRequest(session)}
	}
	session.ObjectMeta = kept
	return session, nil
}

// maxSecretBytes is the size up to which a Secret with our label is cached whole. What we
// write has at most a few kilobytes beside the template, which the API limits.
const maxSecretBytes = 64 << 10

// stripSecret keeps a Secret with our label whole if a session owns it, and otherwise only its
// identity: anybody can put our label on a Secret.
func stripSecret(object any) (any, error) {
	s, ok := object.(*corev1.Secret)
	if !ok {
		return object, nil
	}
	s.ManagedFields = lastOther(s.ManagedFields)
	if secret.HasOwner(s) && sizeOf(s) <= maxSecretBytes {
		return s, nil
	}
	return &corev1.Secret{ObjectMeta: identityOf(s)}, nil
}

// lastOther keeps the name of the field manager that changed an object last, apart from this
// controller: it tells who fights over a generated Secret. What the fields are would take far
// more memory, and nobody reads it.
func lastOther(all []metav1.ManagedFieldsEntry) []metav1.ManagedFieldsEntry {
	var last metav1.ManagedFieldsEntry
	for _, entry := range all {
		if entry.Manager != fieldManager && !entry.Time.Before(last.Time) {
			last = metav1.ManagedFieldsEntry{Manager: entry.Manager, Time: entry.Time}
		}
	}
	if last.Manager == "" {
		return nil
	}
	return []metav1.ManagedFieldsEntry{last}
}

// isStripped reports whether a cached Secret is only its identity. A Secret from the API
// server always has a type.
func isStripped(s *corev1.Secret) bool { return s.Type == "" }

func sizeOf(s *corev1.Secret) (bytes int) {
	for key, value := range s.Data {
		bytes += len(key) + len(value)
	}
	for _, texts := range []map[string]string{s.Labels, s.Annotations} {
		for key, value := range texts {
			bytes += len(key) + len(value)
		}
	}
	return bytes
}

// stripSecretMetadata keeps a Secret's identity.
func stripSecretMetadata(object any) (any, error) {
	if o, ok := object.(*metav1.PartialObjectMetadata); ok {
		o.ObjectMeta = identityOf(o)
	}
	return object, nil
}

func identityOf(o metav1.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(), ResourceVersion: o.GetResourceVersion()}
}
