// Package builders makes objects for tests: a test shows only what differs.
package builders

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// Session is a session whose key is in the entry "api-key" of the Secret "key".
func Session(name string, differences ...func(*v1alpha1.BillingSession)) *v1alpha1.BillingSession {
	session := &v1alpha1.BillingSession{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "BillingSession"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.BillingSessionSpec{
			APIKeySecretRef: v1alpha1.SecretKeyReference{Name: "key", Key: v1alpha1.DefaultAPIKeySecretKey},
		},
	}
	for _, differ := range differences {
		differ(session)
	}
	return session
}

// In puts the session into a namespace.
func In(namespace string) func(*v1alpha1.BillingSession) {
	return func(s *v1alpha1.BillingSession) { s.Namespace = namespace }
}

// KeySecret names the Secret that holds the key.
func KeySecret(name string) func(*v1alpha1.BillingSession) {
	return func(s *v1alpha1.BillingSession) { s.Spec.APIKeySecretRef.Name = name }
}

// Expiration sets for how long the URL is to work.
func Expiration(seconds int32) func(*v1alpha1.BillingSession) {
	return func(s *v1alpha1.BillingSession) { s.Spec.ExpirationSeconds = seconds }
}

// RenewBefore sets the margin.
func RenewBefore(seconds int32) func(*v1alpha1.BillingSession) {
	return func(s *v1alpha1.BillingSession) { s.Spec.RenewBeforeSeconds = ptr.To(seconds) }
}

// SecretName names the generated Secret.
func SecretName(name string) func(*v1alpha1.BillingSession) {
	return func(s *v1alpha1.BillingSession) { s.Spec.SecretName = ptr.To(name) }
}

// Hidden keeps the URL out of the status.
func Hidden() func(*v1alpha1.BillingSession) {
	return func(s *v1alpha1.BillingSession) { s.Spec.URLInStatus = v1alpha1.URLInStatusHidden }
}

// URLInStatus shows or hides the URL.
func URLInStatus(shown v1alpha1.URLInStatus) func(*v1alpha1.BillingSession) {
	return func(session *v1alpha1.BillingSession) { session.Spec.URLInStatus = shown }
}

// Suspended stops requests.
func Suspended() func(*v1alpha1.BillingSession) {
	return func(s *v1alpha1.BillingSession) { s.Spec.Suspend = true }
}

// Annotated sets an annotation.
func Annotated(key, value string) func(*v1alpha1.BillingSession) {
	return func(s *v1alpha1.BillingSession) { metav1.SetMetaDataAnnotation(&s.ObjectMeta, key, value) }
}

// Labelled sets a label.
func Labelled(key, value string) func(*v1alpha1.BillingSession) {
	return func(s *v1alpha1.BillingSession) { metav1.SetMetaDataLabel(&s.ObjectMeta, key, value) }
}

// KeyEntry names the entry of the Secret that holds the key.
func KeyEntry(name string) func(*v1alpha1.BillingSession) {
	return func(s *v1alpha1.BillingSession) { s.Spec.APIKeySecretRef.Key = name }
}

// Purge says what happens to pending documents.
func Purge(purge v1alpha1.Purge) func(*v1alpha1.BillingSession) {
	return func(s *v1alpha1.BillingSession) { s.Spec.Purge = purge }
}

// Template adds labels and annotations to the generated Secret.
func Template(labels map[string]v1alpha1.LabelValue, annotations map[string]v1alpha1.AnnotationValue) func(*v1alpha1.BillingSession) {
	return func(s *v1alpha1.BillingSession) {
		s.Spec.SecretTemplate = &v1alpha1.SecretTemplate{Labels: labels, Annotations: annotations}
	}
}

// LongestTemplate fills the template: 16 labels and annotations, the keys and values as long
// as they may be.
func LongestTemplate() func(*v1alpha1.BillingSession) {
	label := strings.Repeat("p", 63)
	labels, annotations := map[string]v1alpha1.LabelValue{}, map[string]v1alpha1.AnnotationValue{}
	for i := range 16 {
		key := fmt.Sprintf("%s.%s.%s.%s/%063d", label, label, label, label[:61], i)
		labels[key] = v1alpha1.LabelValue(strings.Repeat("v", 63))
		annotations[key] = v1alpha1.AnnotationValue(strings.Repeat("v", 512))
	}
	return Template(labels, annotations)
}
