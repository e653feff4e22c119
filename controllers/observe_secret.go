package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/controllers/status"
)

// withSecret adds the Secret that has the name of the generated one. If there is none, it
// adds whether an older session claims the name.
func (r *reader) withSecret(ctx context.Context, seen observation) (observation, error) {
	found, err := r.findSecret(ctx, &seen)
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
		r.noteContest(seen)
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
	if seen.secretState == renewal.SecretDrifted && seen.local.writes.isSynced(seen.session, found) {
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
func (r *reader) findSecret(ctx context.Context, seen *observation) (*corev1.Secret, error) {
	name := generatedName(seen.session)
	latest := &seen.local.writes.generated
	caughtUp := latest.isCaughtUp()
	cached, err := getOrNil(ctx, r.generated, name, &corev1.Secret{})
	if err != nil {
		return nil, fmt.Errorf("read the generated Secret: %w", err)
	}
	if seen.local.showSecret(writeOf(seen.session, cached).version) {
		return nil, errOutdated
	}
	found, doubtful := latest.latest(cached, caughtUp, r.clock.Now())
	switch {
	case doubtful, found != nil && isStripped(found):
		return r.readSecretLive(ctx, seen, name, cached)
	case found != nil:
		if found != cached {
			*seen = seen.recheckedAt(latest.at.Add(maxCacheLag))
		}
		return found, nil
	case seen.session.Status.SecretName != "":
		return r.readSecretLive(ctx, seen, name, cached)
	}
	metadata, err := r.secretMetadata(ctx, name)
	if err != nil || metadata == nil {
		return nil, err
	}
	return r.readSecretLive(ctx, seen, name, cached)
}

// readSecretLive reads the generated Secret past the caches, nil if there is none. cached is
// what they show.
func (r *reader) readSecretLive(ctx context.Context, seen *observation, name types.NamespacedName, cached *corev1.Secret) (*corev1.Secret, error) {
	live, err := getOrNil(ctx, r.live, name, &corev1.Secret{})
	if err != nil {
		return nil, fmt.Errorf("read the generated Secret past the cache: %w", err)
	}
	if live != nil {
		live.ManagedFields = lastOther(live.ManagedFields)
	}
	if live != nil && !secret.IsOwnedBy(seen.session, live) {
		seen.local.writes.generated.set(nil, r.clock.Now())
		return live, nil
	}
	seen.local.writes.generated.found(live, cached, r.clock.Now())
	return live, nil
}

// generatedName is where the session's generated Secret is.
func generatedName(session *v1alpha1.BillingSession) types.NamespacedName {
	return types.NamespacedName{Namespace: session.Namespace, Name: secret.NameFor(session)}
}

// withOlderClaimant looks for an older session that claims the same name for its Secret: the
// older one gets it, unless this session was the first to ask and still has a URL to store.
func (r *reader) withOlderClaimant(ctx context.Context, seen observation) (observation, error) {
	if r.claims.isOpen(client.ObjectKeyFromObject(seen.session)) {
		return seen, nil
	}
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

// noteContest makes the next write wait if somebody else keeps undoing ours.
func (r *reader) noteContest(seen observation) {
	synced := seen.local.writes.synced
	undone := seen.secretState == renewal.SecretAbsent || seen.secretState == renewal.SecretEdited ||
		seen.secretState == renewal.SecretDrifted && synced.generation == seen.session.Generation
	if !undone || synced.version == "" {
		return
	}
	now := r.clock.Now()
	if wait, first := seen.local.contest.undone(synced.version, now); first && wait > 0 {
		message := status.ContestedSecret(secret.NameFor(seen.session), lastManager(seen.secret))
		seen.local.pending.yield(wait+renewal.Spread(string(seen.session.UID), now, wait/4), message, now)
	}
}

// lastManager is the field manager that changed a cached Secret last, empty if none is known.
func lastManager(s *corev1.Secret) string {
	if s == nil || len(s.ManagedFields) == 0 {
		return ""
	}
	return s.ManagedFields[0].Manager
}
