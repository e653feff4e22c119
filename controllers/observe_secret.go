package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/apikey"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/controllers/status"
)

// withSecret adds the Secret that has the name of the generated one: from the cache where that
// tells enough, otherwise it is read. If there is none, it adds whether an older session claims
// the name.
func (r *reader) withSecret(ctx context.Context, seen observation) (observation, error) {
	cached, err := r.secretMetadata(ctx, generatedName(seen.session))
	if err != nil {
		return seen, err
	}
	mustReadLive, err := seen.local.secret.check(versionOf(cached), r.clock.Now())
	if err != nil {
		return seen, err
	}
	seen.local.pending.retryIfChanged(attemptedWrite{versionOf(cached), seen.session.Generation})
	// The cache may be behind what an earlier process wrote, so what the status names is looked for.
	isKnown := cached == nil && seen.session.Status.SecretName == ""
	if cached != nil && !mustReadLive {
		seen, isKnown, err = r.fromCache(ctx, seen, cached)
	}
	if err == nil && (mustReadLive || !isKnown) {
		seen, err = r.readSecret(ctx, seen)
	}
	if err == nil && seen.secretState == renewal.SecretAbsent {
		seen, err = r.withOlderClaimant(ctx, seen)
	}
	if err == nil {
		r.noteUndone(seen)
	}
	return seen, err
}

func versionOf(metadata *metav1.PartialObjectMetadata) string {
	if metadata == nil {
		return ""
	}
	return metadata.ResourceVersion
}

// fromCache adds what the metadata of a Secret tells, and whether that is enough. It is of one
// that is not this session's, and of one that is as it should be.
func (r *reader) fromCache(ctx context.Context, seen observation, cached *metav1.PartialObjectMetadata) (_ observation, isEnough bool, err error) {
	var grant *secret.Grant
	switch secret.OwnershipOf(seen.session, cached) {
	case secret.Owned:
		grant = r.intactGrant(seen, cached)
		isEnough = grant != nil
	case secret.Orphaned:
		isOurs := false
		if cached.ResourceVersion != seen.local.forged {
			isOurs, err = r.isIssuedFor(ctx, seen, cached, false)
		}
		if err != nil {
			return seen, false, err
		}
		isEnough = !isOurs
	case secret.Foreign, secret.OfPredecessor:
		isEnough = true
	}
	if !isEnough {
		return seen, false, nil
	}
	return inspected(seen, &corev1.Secret{ObjectMeta: cached.ObjectMeta}, false, grant), true, nil
}

// intactGrant is the grant of a Secret that is known to be as it should be, at this version and for
// this generation of the session. It is nil for any other, and if the URL is needed and the status
// does not show it.
func (r *reader) intactGrant(seen observation, cached *metav1.PartialObjectMetadata) *secret.Grant {
	known := seen.local.intact
	if known.at != (attemptedWrite{cached.ResourceVersion, seen.session.Generation}) {
		return nil
	}
	grant := secret.ReadMetadata(cached, known.expire, seen.inStatus)
	showsURL := seen.session.Spec.URLInStatus != v1alpha1.URLInStatusHidden
	if grant == nil || grant.URL == (endpoint.URL{}) && showsURL && grant.Alive(r.clock.Now()) {
		return nil
	}
	return grant
}

// readSecret reads the Secret past the cache, and adds what it is to the session.
func (r *reader) readSecret(ctx context.Context, seen observation) (observation, error) {
	live, err := getOrNil(ctx, r.live, generatedName(seen.session), &corev1.Secret{})
	if err != nil {
		return seen, fmt.Errorf("read the generated Secret past the cache: %w", err)
	}
	seen.local.secret = fence{}
	if live == nil {
		return seen, nil
	}
	seen.local.secret.wrote(live.ResourceVersion, r.clock.Now()) // the cache may be behind it
	grant := secret.Read(live, r.checkURL)
	if grant == nil {
		seen.local.forged = live.ResourceVersion
	}
	whose := secret.OwnershipOf(seen.session, live)
	if grant != nil && (whose == secret.Owned || whose == secret.Orphaned) {
		isOurs, err := r.isIssuedFor(ctx, seen, live, whose == secret.Owned)
		if err != nil {
			return seen, err
		}
		if !isOurs {
			grant = nil
		}
	}
	return inspected(seen, live, true, grant), nil
}

// isIssuedFor reports whether the grant of a Secret was issued for the session, so that a copy of
// another session's Secret is not taken for its own. Its status tells, or the fingerprint shows
// the key that the session names. If there is no such key, it is what is assumed.
func (r *reader) isIssuedFor(ctx context.Context, seen observation, metadata metav1.Object, assumed bool) (bool, error) {
	if secret.IsReported(&seen.session.Status, metadata) {
		return true, nil
	}
	key := seen.key
	if key.State == renewal.KeyUnread {
		var err error
		if key, err = r.keys.Load(ctx, apikey.RefOf(seen.session), key.Version); err != nil {
			return false, err
		}
	}
	if key.State != renewal.KeyRead {
		return assumed, nil
	}
	return secret.IsIssuedWith(key.Key, metadata), nil
}

// inspected adds what a Secret is to the session. g is its grant; nil if it is not the session's,
// or not as it was written. It keeps the Secret itself only if it is ours.
func inspected(seen observation, found *corev1.Secret, isWhole bool, g *secret.Grant) observation {
	state, at := secret.Inspect(seen.session, found, g), writeOf(seen.session, found)
	isOwned := secret.OwnershipOf(seen.session, found) == secret.Owned
	if state == renewal.SecretDrifted && isOwned && seen.local.intact.at == at {
		state = renewal.SecretOurs // what cannot be seen in the cache, or was changed while we wrote it
	}
	seen.secret, seen.isWhole, seen.secretState, seen.inSecret = found, isWhole, state, g
	if found.DeletionTimestamp != nil {
		seen.finalizers = found.Finalizers
	}
	switch state {
	case renewal.SecretForeign:
		seen.secret, seen.inSecret, seen.secretProblem, seen.finalizers = nil, nil, foreignSecretMessage(seen.session, found), nil
	case renewal.SecretOfPredecessor:
		seen.secret, seen.inSecret = nil, nil // its grant must not get into this session's status
	case renewal.SecretOurs:
		seen.local.intact = intactSecret{at, g.Expire}
	case renewal.SecretEdited:
		seen.local.intact = intactSecret{}
	case renewal.SecretAbsent, renewal.SecretDrifted:
	}
	return seen
}

func foreignSecretMessage(session *v1alpha1.BillingSession, found *corev1.Secret) string {
	switch generatedFor := secret.GeneratedFor(found); generatedFor {
	case "":
		return status.ForeignSecret(found.Name)
	case session.Name:
		return status.CopiedSecret(found.Name)
	default:
		return status.SecretOfSession(found.Name, generatedFor)
	}
}

// generatedName is where the session's generated Secret is.
func generatedName(session *v1alpha1.BillingSession) types.NamespacedName {
	return types.NamespacedName{Namespace: session.Namespace, Name: secret.NameFor(session)}
}

// withOlderClaimant looks for an older session that claims the same name for its Secret: the
// older one gets it.
func (r *reader) withOlderClaimant(ctx context.Context, seen observation) (observation, error) {
	name := secret.NameFor(seen.session)
	claimants, err := r.claimants(ctx, generatedName(seen.session))
	if err != nil {
		return seen, fmt.Errorf("look for sessions with the same Secret: %w", err)
	}
	for i := range claimants {
		if claimant := &claimants[i]; isOlder(claimant, seen.session) {
			seen.secretState = renewal.SecretForeign
			seen.secretProblem = status.OlderClaimant(name, claimant.Name)
			return seen, nil
		}
	}
	return seen, nil
}

func isOlder(a, b *v1alpha1.BillingSession) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.UID < b.UID
}

// noteUndone makes the next write wait if somebody else keeps undoing ours.
func (r *reader) noteUndone(seen observation) {
	undone := seen.secretState == renewal.SecretAbsent || seen.secretState == renewal.SecretEdited ||
		seen.secretState == renewal.SecretDrifted && seen.local.intact.at.generation == seen.session.Generation
	if undone {
		message := status.ContestedSecret(secret.NameFor(seen.session), lastManager(seen.secret))
		seen.local.pending.undone(message, string(seen.session.UID), r.clock.Now())
	}
}

// lastManager is the field manager that changed a Secret last, apart from this controller; empty
// if none is known.
func lastManager(s *corev1.Secret) string {
	var last metav1.ManagedFieldsEntry
	if s == nil {
		return ""
	}
	for _, entry := range s.ManagedFields {
		if entry.Manager != fieldManager && !entry.Time.Before(last.Time) {
			last = entry
		}
	}
	return last.Manager
}
