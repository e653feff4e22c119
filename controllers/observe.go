package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// observation is everything that one pass knows of a session.
type observation struct {
	session *v1alpha1.BillingSession
	memory  *record

	// secret is the generated Secret where it is ours, nil otherwise.
	secret      *corev1.Secret
	secretState renewal.SecretState
	// secretProblem says in whose way the session is when the Secret is foreign.
	secretProblem string
	stored        *grant
	shown         *grant

	key         keyFinding
	pausedUntil time.Time
	// fingerprint of the inputs with the key; empty until it is needed.
	fingerprint string

	// lookAgain is when to look at what no watch shows; zero when there is nothing.
	lookAgain time.Time
}

// observe reads all that the session's decision depends on, from the caches
// wherever they can be trusted. It is nil when there is nothing to be done: the
// session is gone or on its way.
func (r *Reconciler) observe(ctx context.Context, name types.NamespacedName) (*observation, error) {
	var cached v1alpha1.BillingSession
	if err := r.Sessions.Get(ctx, name, &cached); err != nil {
		if apierrors.IsNotFound(err) {
			r.memory.forget(name)
			return nil, nil
		}
		return nil, fmt.Errorf("read the session: %w", err)
	}
	if cached.DeletionTimestamp != nil {
		return nil, nil
	}
	rec := r.memory.of(&cached)
	if rec.namespaceGone {
		return nil, nil
	}
	seen := &observation{session: rec.latestSession(&cached), memory: rec}
	seen.shown = grantInStatus(&seen.session.Status)
	if err := r.observeSecret(ctx, seen); err != nil {
		return nil, err
	}
	return seen, r.observeKey(ctx, seen)
}

// observeKey notes what is known of the key without reading it.
func (r *Reconciler) observeKey(ctx context.Context, seen *observation) error {
	ref := keyRefOf(seen.session)
	version, err := r.keyVersion(ctx, ref)
	if err != nil {
		return err
	}
	seen.learnKey(r, r.keys.known(ref, version))
	return nil
}

// keyVersion is the version of the key's Secret, nil if there is none.
func (r *Reconciler) keyVersion(ctx context.Context, ref keyRef) (*keyVersion, error) {
	metadata, err := r.secretMetadata(ctx, ref.secret)
	if err != nil {
		return nil, err
	}
	if metadata != nil {
		return &keyVersion{metadata.UID, metadata.ResourceVersion}, nil
	}
	// Somebody may have put our label on it.
	secret, err := getOrNil(ctx, r.Generated, ref.secret, &corev1.Secret{})
	if err != nil || secret == nil {
		return nil, err
	}
	return &keyVersion{secret.UID, secret.ResourceVersion}, nil
}

// learnKey takes what is known of the key, and with it of the key's pause.
func (seen *observation) learnKey(r *Reconciler, key keyFinding) {
	seen.key, seen.fingerprint = key, ""
	if key.forbidden {
		seen.lookAgainAt(r.Clock.Now().Add(forbiddenKeyRetry))
	}
	if key.state == renewal.KeyRead {
		seen.pausedUntil = r.turns.PausedUntil(r.turns.keyID(key.key))
	}
}

// forbiddenKeyRetry is when a key that could not be read is tried again: no watch
// shows that a permission was given.
const forbiddenKeyRetry = time.Minute

func (seen *observation) lookAgainAt(at time.Time) {
	if seen.lookAgain.IsZero() || at.Before(seen.lookAgain) {
		seen.lookAgain = at
	}
}

// secretMetadata is the metadata of a Secret from the cache, nil if there is none or
// it has our label.
func (r *Reconciler) secretMetadata(ctx context.Context, name types.NamespacedName) (*metav1.PartialObjectMetadata, error) {
	metadata, err := getOrNil(ctx, r.Sessions, name, newSecretMetadata())
	if err != nil {
		return nil, fmt.Errorf("read the metadata of Secret %q: %w", name.Name, err)
	}
	return metadata, nil
}

func newSecretMetadata() *metav1.PartialObjectMetadata {
	metadata := &metav1.PartialObjectMetadata{}
	metadata.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	return metadata
}

func getOrNil[T client.Object](ctx context.Context, from client.Reader, name types.NamespacedName, into T) (T, error) {
	var none T
	if err := from.Get(ctx, name, into); err != nil {
		return none, client.IgnoreNotFound(err)
	}
	return into, nil
}

// grantInStatus is the grant that the status shows, nil unless it is complete.
func grantInStatus(status *v1alpha1.BillingSessionStatus) *grant {
	if status.URL == "" || status.IssueTime == nil || status.ExpirationTime == nil || status.IssuedFor == nil {
		return nil
	}
	return &grant{
		Grant: renewal.Grant{
			Expire: status.ExpirationTime.Time,
			Issued: status.IssueTime.Time,
			Offset: time.Duration(status.IssuedFor.ClockOffsetSeconds) * time.Second,
			Inputs: status.IssuedFor.Inputs,
		},
		url: endpoint.NewURL(status.URL),
	}
}

// inputs are what a request made now would be made with.
func (r *Reconciler) inputs(seen *observation) v1alpha1.Inputs {
	spec := seen.session.Spec
	return v1alpha1.Inputs{
		KeySecretUID:             seen.key.version.uid,
		KeySecretResourceVersion: seen.key.version.resourceVersion,
		KeySecretKey:             keyRefOf(seen.session).entry,
		Purge:                    spec.Purge,
		ExpirationSeconds:        spec.ExpirationSeconds,
		Endpoint:                 r.Endpoint.URL(),
	}
}

// facts are the observation as the decision wants it.
func (r *Reconciler) facts(seen *observation) renewal.Facts {
	spec, status, rec := &seen.session.Spec, &seen.session.Status, seen.memory
	f := renewal.Facts{
		Now:             r.Clock.Now(),
		UID:             string(seen.session.UID),
		Suspended:       spec.Suspend,
		RenewRequest:    seen.session.Annotations[v1alpha1.AnnotationRenewRequestedAt],
		HandledRequest:  status.LastHandledRenewRequest,
		Inputs:          r.inputs(seen),
		Key:             seen.key.state,
		Secret:          seen.secretState,
		Stored:          seen.stored.timing(),
		Shown:           seen.shown.timing(),
		Unwritten:       rec.unwritten.timing(),
		Issued:          seen.stored != nil || status.ExpirationTime != nil,
		Last:            status.LastAttempt,
		LastFingerprint: rec.lastFingerprint,
		Asked:           rec.asked,
		PausedUntil:     seen.pausedUntil,
		Write:           rec.write,
	}
	if spec.RenewBeforeSeconds != nil {
		f.RenewBefore = time.Duration(*spec.RenewBeforeSeconds) * time.Second
	}
	if rec.attempted {
		f.Last = rec.last
	}
	if rec.handled != "" {
		f.HandledRequest = rec.handled
	}
	if seen.key.state == renewal.KeyRead {
		if seen.fingerprint == "" {
			seen.fingerprint = fingerprint(seen.key.key, f.Inputs)
		}
		f.Fingerprint = seen.fingerprint
	}
	return f
}
