package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/controllers/status"
)

// withSecret adds the Secret that has the name of the generated one. If there is none, it
// adds whether an older session claims the name.
func (r *reader) withSecret(ctx context.Context, seen observation) (observation, error) {
	found, err := r.findSecret(ctx, seen)
	if err != nil {
		return seen, err
	}
	seen.local.pending.retryIfChanged(writeOf(seen.session, found))
	if found == nil {
		seen, err = r.withOlderClaimant(ctx, seen)
	} else {
		seen, err = r.inspect(ctx, seen, found)
	}
	if err == nil {
		r.noteUndone(seen)
	}
	return seen, err
}

// inspect adds the state of a Secret that has the name of the generated one, and its grant.
// It keeps the Secret itself only if it is ours.
func (r *reader) inspect(ctx context.Context, seen observation, found *corev1.Secret) (observation, error) {
	living, err := r.livingOwners(ctx, seen.session, found)
	if err != nil {
		return seen, err
	}
	seen.secret = nil
	seen.secretState, seen.inSecret = secret.Inspect(seen.session, found, r.checkURL, living...)
	if seen.secretState == renewal.SecretDrifted && seen.local.synced == writeOf(seen.session, found) {
		seen.secretState = renewal.SecretOurs
	}
	switch seen.secretState {
	case renewal.SecretForeign:
		seen.secretProblem = foreignSecretMessage(found)
	case renewal.SecretOfPredecessor:
	case renewal.SecretAbsent, renewal.SecretOurs, renewal.SecretDrifted, renewal.SecretEdited:
		seen.secret = found
	}
	return seen, nil
}

// livingOwners are the UIDs of the other sessions that own the Secret and still exist. The
// cache cannot tell that one is gone: it may be late, and it leaves out the sessions that
// --watch-label-selector gives to another controller.
func (r *reader) livingOwners(ctx context.Context, session *v1alpha1.BillingSession, found *corev1.Secret) ([]types.UID, error) {
	var living []types.UID
	for _, owner := range secret.OtherOwners(session, found) {
		name := types.NamespacedName{Namespace: found.Namespace, Name: owner.Name}
		other, err := getOrNil(ctx, r.cached, name, &v1alpha1.BillingSession{})
		if err == nil && (other == nil || other.UID != owner.UID) {
			other, err = r.sessionLive(ctx, name)
		}
		if err != nil {
			return nil, fmt.Errorf("read the Secret's owner: %w", err)
		}
		if other != nil && other.UID == owner.UID {
			living = append(living, owner.UID)
		}
	}
	return living, nil
}

func foreignSecretMessage(found *corev1.Secret) string {
	if session := secret.GeneratedFor(found); session != "" {
		return status.SecretOfSession(found.Name, session)
	}
	return status.ForeignSecret(found.Name)
}

// findSecret is the Secret that has the name of the generated one, nil if there is none. A
// Secret without our label is in the cache of metadata only, and is read live. So is one
// that neither cache shows although the status names it: when a label comes or goes, each
// cache learns of it at its own time, and for a moment neither shows the Secret.
func (r *reader) findSecret(ctx context.Context, seen observation) (*corev1.Secret, error) {
	name := generatedName(seen.session)
	cached, err := getOrNil(ctx, r.generated, name, &corev1.Secret{})
	if err != nil {
		return nil, fmt.Errorf("read the generated Secret: %w", err)
	}
	mustReadLive, err := seen.local.secret.check(writeOf(seen.session, cached).version, r.clock.Now())
	switch {
	case err != nil:
		return nil, err
	case mustReadLive, cached != nil && isStripped(cached), cached == nil && seen.session.Status.SecretName != "":
		return r.readSecretLive(ctx, seen, name)
	case cached != nil:
		return cached, nil
	}
	metadata, err := r.secretMetadata(ctx, name)
	if err != nil || metadata == nil {
		return nil, err
	}
	return r.readSecretLive(ctx, seen, name)
}

// readSecretLive reads the generated Secret past the caches, nil if there is none.
func (r *reader) readSecretLive(ctx context.Context, seen observation, name types.NamespacedName) (*corev1.Secret, error) {
	live, err := getOrNil(ctx, r.live, name, &corev1.Secret{})
	if err != nil {
		return nil, fmt.Errorf("read the generated Secret past the cache: %w", err)
	}
	seen.local.secret = fence{}
	if live == nil {
		return nil, nil
	}
	live.ManagedFields = lastOther(live.ManagedFields)
	if secret.IsOwnedBy(seen.session, live) {
		seen.local.secret.wrote(live.ResourceVersion, r.clock.Now()) // the cache may be behind it
	}
	return live, nil
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
		seen.secretState == renewal.SecretDrifted && seen.local.synced.generation == seen.session.Generation
	if undone {
		message := status.ContestedSecret(secret.NameFor(seen.session), lastManager(seen.secret))
		seen.local.pending.undone(message, string(seen.session.UID), r.clock.Now())
	}
}

// lastManager is the field manager that changed a cached Secret last, empty if none is known.
func lastManager(s *corev1.Secret) string {
	if s == nil || len(s.ManagedFields) == 0 {
		return ""
	}
	return s.ManagedFields[0].Manager
}
