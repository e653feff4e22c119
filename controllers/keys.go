package controllers

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// keyRing reads API keys, each version of a Secret once, however many sessions
// refer to it.
type keyRing struct {
	// live reads past every cache: no Secret that is not ours is ever held.
	live client.Reader

	mu   sync.Mutex
	keys map[types.NamespacedName]map[string]*keyReading // by Secret and entry
}

// keyRef is where a key is.
type keyRef struct {
	secret types.NamespacedName
	entry  string
}

// keyVersion is a version of a Secret.
type keyVersion struct {
	uid             types.UID
	resourceVersion string
}

// keyReading is what was read at a version. Its lock is held while reading, so
// that sessions which share a key wait for one read.
type keyReading struct {
	mu      sync.Mutex
	version keyVersion
	state   renewal.KeyState
	key     endpoint.Key
	problem string
}

// keyFinding is what is known of a session's key now.
type keyFinding struct {
	version keyVersion
	state   renewal.KeyState
	key     endpoint.Key
	// problem says what is wrong with the key, and the cure.
	problem string
	// forbidden says that it could not be read for want of a permission.
	forbidden bool
}

func newKeyRing(live client.Reader) *keyRing {
	return &keyRing{live: live, keys: map[types.NamespacedName]map[string]*keyReading{}}
}

func keyRefOf(session *v1alpha1.BillingSession) keyRef {
	ref := session.Spec.APIKeySecretRef
	entry := ref.Key
	if entry == "" {
		entry = v1alpha1.DefaultAPIKeySecretKey
	}
	return keyRef{types.NamespacedName{Namespace: session.Namespace, Name: ref.Name}, entry}
}

// known says what is known of the key without reading it: seen is the version of
// its Secret, nil when there is none.
func (r *keyRing) known(ref keyRef, seen *keyVersion) keyFinding {
	if seen == nil {
		r.forget(ref.secret)
		return keyFinding{state: renewal.KeyMissing, problem: missingSecret(ref)}
	}
	reading := r.reading(ref)
	reading.mu.Lock()
	defer reading.mu.Unlock()
	if reading.version.covers(*seen) {
		return reading.finding()
	}
	return keyFinding{version: *seen, state: renewal.KeyUnread}
}

// read reads the key unless this version of it was read already.
func (r *keyRing) read(ctx context.Context, ref keyRef, wanted keyVersion) (keyFinding, error) {
	reading := r.reading(ref)
	reading.mu.Lock()
	defer reading.mu.Unlock()
	if reading.version.covers(wanted) {
		return reading.finding(), nil
	}
	var secret corev1.Secret
	err := r.live.Get(ctx, ref.secret, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return keyFinding{state: renewal.KeyMissing, problem: missingSecret(ref)}, nil
	case apierrors.IsForbidden(err):
		return keyFinding{version: wanted, state: renewal.KeyMissing, problem: forbiddenSecret(ref), forbidden: true}, nil
	case err != nil:
		return keyFinding{}, fmt.Errorf("read the API key: %w", err)
	}
	reading.version = keyVersion{secret.UID, secret.ResourceVersion}
	reading.state, reading.key, reading.problem = examineKey(ref, &secret)
	return reading.finding(), nil
}

func examineKey(ref keyRef, secret *corev1.Secret) (renewal.KeyState, endpoint.Key, string) {
	if session := sessionOwning(secret); session != "" { // a URL would be sent as a key
		return renewal.KeyInvalid, endpoint.Key{}, fmt.Sprintf(
			"Secret %q holds what BillingSession %q was granted, and no key: name the Secret with the API key in spec.apiKeySecretRef.name",
			ref.secret.Name, session)
	}
	value, ok := secret.Data[ref.entry]
	if !ok {
		return renewal.KeyMissing, endpoint.Key{}, fmt.Sprintf(
			"Secret %q has no entry %q: add it, or name another in spec.apiKeySecretRef.key", ref.secret.Name, ref.entry)
	}
	key, err := endpoint.ParseKey(value)
	if err != nil {
		return renewal.KeyInvalid, endpoint.Key{}, fmt.Sprintf(
			"entry %q of Secret %q cannot be an API key: %v; put the key there as Xtracta gave it, or name another entry in spec.apiKeySecretRef.key",
			ref.entry, ref.secret.Name, err)
	}
	return renewal.KeyRead, key, ""
}

func (r *keyRing) reading(ref keyRef) *keyReading {
	r.mu.Lock()
	defer r.mu.Unlock()
	entries, ok := r.keys[ref.secret]
	if !ok {
		entries = map[string]*keyReading{}
		r.keys[ref.secret] = entries
	}
	reading, ok := entries[ref.entry]
	if !ok {
		reading = &keyReading{}
		entries[ref.entry] = reading
	}
	return reading
}

// forget drops the keys of a Secret that is gone.
func (r *keyRing) forget(secret types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.keys, secret)
}

func (r *keyReading) finding() keyFinding {
	return keyFinding{version: r.version, state: r.state, key: r.key, problem: r.problem}
}

// covers says whether this version is the wanted one or a later one of the same
// Secret: a live read may be ahead of the cache.
func (v keyVersion) covers(wanted keyVersion) bool {
	return v == wanted || v.uid == wanted.uid && newer(v.resourceVersion, wanted.resourceVersion)
}

// newer says whether resource version a is later than b.
func newer(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order > 0
}

func missingSecret(ref keyRef) string {
	return fmt.Sprintf("Secret %q does not exist: create it with the API key in entry %q, or name another in spec.apiKeySecretRef",
		ref.secret.Name, ref.entry)
}

func forbiddenSecret(ref keyRef) string {
	return fmt.Sprintf("Secret %q cannot be read: allow the operator's ServiceAccount to get Secrets in this namespace", ref.secret.Name)
}
