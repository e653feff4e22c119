package controllers

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/controllers/status"
)

// The caches hold what the controller reads of each object and no more. Whatever a tenant
// adds to an object would otherwise cost the process as much memory.

// maxCachedBytes is the size up to which a session, and a Secret with our label, is cached
// whole. Few need half of it. A pass reads live what is larger. Both hold what the template
// adds: with the longest templates, 700 sessions would take 200 MB.
const maxCachedBytes = 8 << 10

// stripSession keeps a session's spec, status and identity, and the one annotation that is
// read. It is also called on what it has stripped before.
func stripSession(object any) (any, error) {
	session, ok := object.(*v1alpha1.BillingSession)
	if !ok {
		return object, nil
	}
	stripMetadata(session)
	if sizeOfSession(session) > maxCachedBytes {
		session.Spec.SecretTemplate = cutTemplate
		session.Status = summaryOf(&session.Status)
	}
	return session, nil
}

func stripMetadata(session *v1alpha1.BillingSession) {
	kept := identityOf(session)
	kept.Generation, kept.CreationTimestamp, kept.DeletionTimestamp = session.Generation, session.CreationTimestamp, session.DeletionTimestamp
	if session.Annotations[v1alpha1.AnnotationRenewRequestedAt] != "" {
		kept.Annotations = map[string]string{v1alpha1.AnnotationRenewRequestedAt: status.RenewRequest(session)}
	}
	session.ObjectMeta = kept
}

// cutTemplate stands for the template of a session that is too large to be cached. The API
// server takes no empty key, so nobody can declare it, and no Secret can be written from it.
var cutTemplate = &v1alpha1.SecretTemplate{Annotations: map[string]v1alpha1.AnnotationValue{"": ""}}

// isCut reports whether a session was too large to be cached whole. The rest of its spec is
// complete; of its status there is the summary.
func isCut(session *v1alpha1.BillingSession) bool {
	if session.Spec.SecretTemplate == nil {
		return false
	}
	_, cut := session.Spec.SecretTemplate.Annotations[""]
	return cut
}

// summaryOf is what metrics read of a status.
func summaryOf(s *v1alpha1.BillingSessionStatus) v1alpha1.BillingSessionStatus {
	kept := v1alpha1.BillingSessionStatus{ExpirationTime: s.ExpirationTime, RenewalTime: s.RenewalTime}
	if s.IssuedFor != nil {
		kept.IssuedFor = &v1alpha1.IssuedFor{ClockOffsetSeconds: s.IssuedFor.ClockOffsetSeconds}
	}
	if s.LastAttempt != nil {
		kept.LastAttempt = &v1alpha1.Attempt{Outcome: s.LastAttempt.Outcome}
	}
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionRenewalFailing} {
		if c := meta.FindStatusCondition(s.Conditions, kind); c != nil {
			kept.Conditions = append(kept.Conditions, metav1.Condition{Type: c.Type, Status: c.Status, Reason: c.Reason})
		}
	}
	return kept
}

// entryBytes is about what an entry of a map or a list takes beside its text.
const entryBytes = 64

// sizeOfSession is about what the parts of a session take that can be long.
func sizeOfSession(session *v1alpha1.BillingSession) (bytes int) {
	if t := session.Spec.SecretTemplate; t != nil {
		bytes += sizeOfMap(t.Labels) + sizeOfMap(t.Annotations)
	}
	s := &session.Status
	bytes += len(s.URL)
	if s.IssuedFor != nil {
		bytes += len(s.IssuedFor.Endpoint)
	}
	if s.LastAttempt != nil {
		bytes += len(s.LastAttempt.Inputs.Endpoint) + len(s.LastAttempt.Message)
	}
	for i := range s.Conditions {
		bytes += s.Conditions[i].Size() + entryBytes
	}
	return bytes
}

func sizeOfMap[V ~string](texts map[string]V) (bytes int) {
	for key, value := range texts {
		bytes += len(key) + len(value) + entryBytes
	}
	return bytes
}

// stripSecret keeps a Secret with our label whole if a session owns it, and otherwise only its
// identity: anybody can put our label on a Secret.
func stripSecret(object any) (any, error) {
	s, ok := object.(*corev1.Secret)
	if !ok {
		return object, nil
	}
	s.ManagedFields = lastOther(s.ManagedFields)
	if secret.HasOwner(s) && sizeOfSecret(s) <= maxCachedBytes {
		return s, nil
	}
	return &corev1.Secret{ObjectMeta: identityOf(s)}, nil
}

func sizeOfSecret(s *corev1.Secret) int {
	return s.Size() + entryBytes*(len(s.Data)+len(s.Labels)+len(s.Annotations)+len(s.OwnerReferences)+len(s.Finalizers))
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
