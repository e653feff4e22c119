package controllers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// Annotations of a generated Secret: what is needed to judge it later.
const (
	annotationIssueTime   = "billing.xtracta.com/issue-time"
	annotationClockOffset = "billing.xtracta.com/clock-offset-seconds"
	annotationIssuedFor   = "billing.xtracta.com/issued-for"
	annotationFingerprint = "billing.xtracta.com/inputs-hmac"
	annotationDigest      = "billing.xtracta.com/digest"
	annotationTemplate    = "billing.xtracta.com/template-keys"
)

const kind = "BillingSession"

// grant is a URL with all that is known of it.
type grant struct {
	renewal.Grant
	url endpoint.URL
}

// timing is the part of a grant that decisions need; nil for none.
func (g *grant) timing() *renewal.Grant {
	if g == nil {
		return nil
	}
	return &g.Grant
}

// templateKeys remembers what came from spec.secretTemplate, so that it can be
// removed once it is dropped there while what others added stays.
type templateKeys struct {
	Labels      []string `json:"labels,omitempty"`
	Annotations []string `json:"annotations,omitempty"`
}

// secretName is the name of the session's generated Secret.
func secretName(session *v1alpha1.BillingSession) string {
	return ptr.Deref(session.Spec.SecretName, session.Name)
}

// composeSecret is the Secret that holds the grant: the existing one changed, or
// a new one.
func composeSecret(session *v1alpha1.BillingSession, existing *corev1.Secret, g *grant) (*corev1.Secret, error) {
	secret := tidySecret(session, existing)
	secret.Data = map[string][]byte{
		v1alpha1.SecretKeyURL:    []byte(g.url.Reveal()),
		v1alpha1.SecretKeyExpire: []byte(strconv.FormatInt(g.Expire.Unix(), 10)),
	}
	issuedFor, err := json.Marshal(g.Inputs)
	if err != nil {
		return nil, fmt.Errorf("encode the inputs of the grant: %w", err)
	}
	maps.Copy(secret.Annotations, map[string]string{
		annotationIssueTime:   g.Issued.UTC().Format(time.RFC3339),
		annotationClockOffset: strconv.FormatInt(int64(g.Offset/time.Second), 10),
		annotationIssuedFor:   string(issuedFor),
		annotationFingerprint: g.Fingerprint,
	})
	secret.Annotations[annotationDigest] = digest(secret)
	return secret, nil
}

// tidySecret is the existing Secret, or a new one, with the owner, labels and
// annotations that it should have, and its data untouched.
func tidySecret(session *v1alpha1.BillingSession, existing *corev1.Secret) *corev1.Secret {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: session.Namespace, Name: secretName(session)},
		Type:       corev1.SecretTypeOpaque,
	}
	if existing != nil {
		secret = existing.DeepCopy()
	} else {
		secret.OwnerReferences = []metav1.OwnerReference{ownerReference(session)}
	}
	secret.Labels, secret.Annotations = tidyMetadata(session, secret)
	return secret
}

// tidyMetadata is the Secret's labels and annotations as they should be.
func tidyMetadata(session *v1alpha1.BillingSession, secret *corev1.Secret) (labels, annotations map[string]string) {
	labels, annotations = wantedMetadata(session)
	had := templateKeysOf(secret)
	return replaceKeys(secret.Labels, had.Labels, labels),
		replaceKeys(secret.Annotations, append(had.Annotations, annotationTemplate), annotations)
}

// wantedMetadata is what the operator and the user want on the generated Secret.
func wantedMetadata(session *v1alpha1.BillingSession) (labels, annotations map[string]string) {
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

// templateKeysOf reads what the Secret says came from the template; nothing if
// somebody garbled it.
func templateKeysOf(secret *corev1.Secret) (keys templateKeys) {
	_ = json.Unmarshal([]byte(secret.Annotations[annotationTemplate]), &keys)
	return keys
}

// replaceKeys is the map without the keys that were ours, with those that are.
func replaceKeys(current map[string]string, had []string, wanted map[string]string) map[string]string {
	next := maps.Clone(current)
	if next == nil {
		next = map[string]string{}
	}
	for _, key := range had {
		delete(next, key)
	}
	maps.Copy(next, wanted)
	return next
}

// ownerReference makes garbage collection delete the Secret with its session. It
// does not block the deletion of the session, which would take a permission on finalizers.
func ownerReference(session *v1alpha1.BillingSession) metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion:         v1alpha1.GroupVersion.String(),
		Kind:               kind,
		Name:               session.Name,
		UID:                session.UID,
		Controller:         ptr.To(true),
		BlockOwnerDeletion: ptr.To(false),
	}
}

// judgeSecret says what the Secret is to the session, and reads its grant where
// it is ours and as it was written.
func judgeSecret(session *v1alpha1.BillingSession, secret *corev1.Secret) (renewal.SecretState, *grant) {
	if state := judgeOwner(session, secret); state != renewal.SecretOurs {
		return state, nil
	}
	g, err := readGrant(secret)
	if err != nil || secret.Annotations[annotationDigest] != digest(secret) {
		return renewal.SecretEdited, nil
	}
	if labels, annotations := tidyMetadata(session, secret); !maps.Equal(labels, secret.Labels) || !maps.Equal(annotations, secret.Annotations) {
		return renewal.SecretUntidy, g
	}
	return renewal.SecretOurs, g
}

// judgeOwner says whose the object is: this session's, that of a deleted
// session of the same name, or somebody else's.
func judgeOwner(session *v1alpha1.BillingSession, object metav1.Object) renewal.SecretState {
	for _, owner := range object.GetOwnerReferences() {
		if !isSession(owner) {
			continue
		}
		switch {
		case owner.UID == session.UID && object.GetDeletionTimestamp() == nil:
			return renewal.SecretOurs
		case owner.UID == session.UID, owner.Name == session.Name:
			return renewal.SecretUncollected
		}
	}
	return renewal.SecretForeign
}

// sessionOwning is the name of the session that the object was generated for, empty for none.
func sessionOwning(object metav1.Object) string {
	for _, owner := range object.GetOwnerReferences() {
		if isSession(owner) {
			return owner.Name
		}
	}
	return ""
}

func isSession(owner metav1.OwnerReference) bool {
	version, err := schema.ParseGroupVersion(owner.APIVersion)
	return err == nil && version.Group == v1alpha1.GroupVersion.Group && owner.Kind == kind
}

// lastSecond is the end of the year 9999, the last that a status can hold.
const lastSecond = 253402300799

// readGrant reads back what composeSecret wrote.
func readGrant(secret *corev1.Secret) (*grant, error) {
	expire, err := strconv.ParseInt(string(secret.Data[v1alpha1.SecretKeyExpire]), 10, 64)
	if err != nil || expire < 0 || expire > lastSecond {
		return nil, fmt.Errorf("read %s: not a UNIX time", v1alpha1.SecretKeyExpire)
	}
	issued, err := time.Parse(time.RFC3339, secret.Annotations[annotationIssueTime])
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", annotationIssueTime, err)
	}
	offset, err := strconv.ParseInt(secret.Annotations[annotationClockOffset], 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", annotationClockOffset, err)
	}
	g := &grant{
		Grant: renewal.Grant{
			Expire:      time.Unix(expire, 0),
			Issued:      issued,
			Offset:      time.Duration(offset) * time.Second,
			Fingerprint: secret.Annotations[annotationFingerprint],
		},
		url: endpoint.NewURL(string(secret.Data[v1alpha1.SecretKeyURL])),
	}
	if err := json.Unmarshal([]byte(secret.Annotations[annotationIssuedFor]), &g.Inputs); err != nil {
		return nil, fmt.Errorf("read %s: %w", annotationIssuedFor, err)
	}
	return g, nil
}

// digest shows an edit: it covers all data and the annotations that judge it.
func digest(secret *corev1.Secret) string {
	text := make([]byte, 0, 1<<10) // about what there is
	add := func(key, value string) {
		text = append(strconv.AppendQuote(text, key), '=')
		text = append(strconv.AppendQuote(text, value), '\n')
	}
	for _, key := range slices.Sorted(maps.Keys(secret.Data)) {
		add(key, string(secret.Data[key]))
	}
	for _, key := range []string{annotationIssueTime, annotationClockOffset, annotationIssuedFor, annotationFingerprint} {
		add(key, secret.Annotations[key])
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// fingerprint identifies inputs together with the key's value, and can be
// checked only by who has the key.
func fingerprint(key endpoint.Key, inputs v1alpha1.Inputs) string {
	h := hmac.New(sha256.New, []byte(key.Reveal()))
	fmt.Fprintf(h, "%q %d %q", inputs.Purge, inputs.ExpirationSeconds, inputs.Endpoint)
	return hex.EncodeToString(h.Sum(nil))
}
