package secret

import (
	"encoding/json"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// annotationTemplate remembers the keys of spec.secretTemplate on the Secret, so that a
// key can be removed once it is dropped there, while what others added stays.
const annotationTemplate = "billing.xtracta.com/template-keys"

type templateKeys struct {
	Labels      []string `json:"labels,omitempty"`
	Annotations []string `json:"annotations,omitempty"`
}

// NameFor is the name of the session's generated Secret.
func NameFor(session *v1alpha1.BillingSession) string {
	return ptr.Deref(session.Spec.SecretName, session.Name)
}

// maxOutline is the size up to which an outline is cached, in bytes. What the controller writes
// takes less than 2 KiB.
const maxOutline = 4 << 10

// Outline is the part of a Secret's metadata, besides its identity, that tells whose it is and
// describes its grant. It is empty for a Secret that was not generated for a session. Anybody may
// write the same into a Secret of his own, so of what is too large less is kept: without its
// annotations a Secret is read, and without anything it counts as foreign.
func Outline(metadata metav1.Object) metav1.ObjectMeta {
	if GeneratedFor(metadata) == "" {
		return metav1.ObjectMeta{}
	}
	outline := metav1.ObjectMeta{
		OwnerReferences: metadata.GetOwnerReferences(),
		Labels:          pick(metadata.GetLabels(), v1alpha1.LabelManagedBy, v1alpha1.LabelSession),
		Annotations: pick(metadata.GetAnnotations(),
			annotationIssueTime, annotationClockOffset, annotationIssuedFor, annotationFingerprint, annotationDigest),
	}
	if outline.DeletionTimestamp = metadata.GetDeletionTimestamp(); outline.DeletionTimestamp != nil {
		outline.Finalizers = metadata.GetFinalizers()
	}
	if outline.Size() > maxOutline {
		outline.Annotations = nil
	}
	if outline.Size() > maxOutline {
		return metav1.ObjectMeta{}
	}
	return outline
}

// pick is the part of the map with these keys.
func pick(from map[string]string, keys ...string) map[string]string {
	picked := make(map[string]string, len(keys))
	for _, key := range keys {
		if value, ok := from[key]; ok {
			picked[key] = value
		}
	}
	return picked
}

// WithMetadata is the existing Secret, or a new one, with the owner, labels and
// annotations that it should have, and its data unchanged.
func WithMetadata(session *v1alpha1.BillingSession, existing *corev1.Secret) *corev1.Secret {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: session.Namespace, Name: NameFor(session)},
		Type:       corev1.SecretTypeOpaque,
	}
	if existing != nil {
		secret = existing.DeepCopy()
		secret.ManagedFields = nil // the API server keeps its own
	}
	secret.OwnerReferences = withOwner(session, secret.OwnerReferences)
	secret.Labels, secret.Annotations = mergedMetadata(session, secret)
	return secret
}

// mergedMetadata is the Secret's labels and annotations as they should be.
func mergedMetadata(session *v1alpha1.BillingSession, secret *corev1.Secret) (labels, annotations map[string]string) {
	labels, annotations = desiredMetadata(session)
	former := templateKeysOf(secret)
	return replaceKeys(secret.Labels, former.Labels, labels),
		replaceKeys(secret.Annotations, append(former.Annotations, annotationTemplate), annotations)
}

// hasMetadata reports whether the Secret's labels and annotations are as they should be.
func hasMetadata(session *v1alpha1.BillingSession, secret *corev1.Secret) bool {
	labels, annotations := mergedMetadata(session, secret)
	return maps.Equal(labels, secret.Labels) && maps.Equal(annotations, secret.Annotations)
}

// desiredMetadata is what the operator and the user want on the generated Secret.
func desiredMetadata(session *v1alpha1.BillingSession) (labels, annotations map[string]string) {
	labels, annotations = map[string]string{}, map[string]string{}
	labels[v1alpha1.LabelManagedBy] = v1alpha1.ManagedBy
	labels[v1alpha1.LabelSession] = session.Name
	template := session.Spec.SecretTemplate
	if template == nil || len(template.Labels)+len(template.Annotations) == 0 {
		return labels, annotations
	}
	for key, value := range template.Labels {
		labels[key] = string(value)
	}
	for key, value := range template.Annotations {
		annotations[key] = string(value)
	}
	encoded, _ := json.Marshal(templateKeys{ // two lists of strings always encode
		Labels:      slices.Sorted(maps.Keys(template.Labels)),
		Annotations: slices.Sorted(maps.Keys(template.Annotations)),
	})
	annotations[annotationTemplate] = string(encoded)
	return labels, annotations
}

// templateKeysOf reads which keys came from the template. It returns none if somebody
// changed the annotation to something that cannot be read.
func templateKeysOf(secret *corev1.Secret) (keys templateKeys) {
	if text := secret.Annotations[annotationTemplate]; text != "" {
		_ = json.Unmarshal([]byte(text), &keys)
	}
	return keys
}

// replaceKeys is the map without the keys of the former template, and with the desired ones.
func replaceKeys(current map[string]string, former []string, desired map[string]string) map[string]string {
	next := maps.Clone(current)
	if next == nil {
		next = map[string]string{}
	}
	for _, key := range former {
		delete(next, key)
	}
	maps.Copy(next, desired)
	return next
}
