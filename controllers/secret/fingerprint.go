package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
)

const (
	annotationDigest = "billing.xtracta.com/digest"

	// version is that of the digest and of the fingerprint. Both begin with it, so that
	// another version is not taken for an edit.
	version = "v1:"
)

// IsIntact reports whether nobody edited the Secret since Compose wrote it.
func IsIntact(secret *corev1.Secret) bool {
	return versioned(secret.Annotations[annotationDigest]) == digest(secret)
}

// versioned adds the version to a digest or fingerprint that was written when there was
// only one.
func versioned(sum string) string {
	if len(sum) == hex.EncodedLen(sha256.Size) {
		return version + sum
	}
	return sum
}

// digest covers all data and the annotations that belong to the grant, so that an edit
// of either shows.
func digest(secret *corev1.Secret) string {
	text := make([]byte, 0, 1<<10) // about the usual size
	add := func(key, value string) {
		text = append(strconv.AppendQuote(text, key), '=')
		text = append(strconv.AppendQuote(text, value), '\n')
	}
	keys := slices.AppendSeq(make([]string, 0, len(secret.Data)), maps.Keys(secret.Data))
	slices.Sort(keys)
	for _, key := range keys {
		add(key, string(secret.Data[key]))
	}
	for _, key := range []string{annotationIssueTime, annotationClockOffset, annotationIssuedFor, annotationFingerprint} {
		add(key, secret.Annotations[key])
	}
	sum := sha256.Sum256(text)
	return version + hex.EncodeToString(sum[:])
}

// Fingerprint identifies inputs together with the key's value. Only somebody who has the
// key can check it.
func Fingerprint(key endpoint.Key, inputs v1alpha1.Inputs) string {
	h := hmac.New(sha256.New, []byte(key.Reveal()))
	text := strconv.AppendQuote(nil, string(inputs.Purge))
	text = strconv.AppendInt(append(text, ' '), int64(inputs.ExpirationSeconds), 10)
	text = strconv.AppendQuote(append(text, ' '), inputs.Endpoint)
	h.Write(text)
	return version + hex.EncodeToString(h.Sum(nil))
}
