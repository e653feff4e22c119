package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// observeSecret finds out what stands in the generated Secret's place.
func (r *Reconciler) observeSecret(ctx context.Context, seen *observation) error {
	secret, err := r.findSecret(ctx, seen)
	if err != nil {
		return err
	}
	seen.memory.noticed(secret)
	if secret != nil {
		seen.takeSecret(secret)
		return nil
	}
	return r.observeRivals(ctx, seen)
}

// takeSecret judges the Secret that stands in the place of the generated one. One
// that is not ours is not kept.
func (seen *observation) takeSecret(secret *corev1.Secret) {
	seen.secret = nil
	seen.secretState, seen.stored = judgeSecret(seen.session, secret)
	if seen.secretState == renewal.SecretUntidy && seen.memory.tidied == (tidied{secret.ResourceVersion, seen.session.Generation}) {
		seen.secretState = renewal.SecretOurs
	}
	switch seen.secretState {
	case renewal.SecretForeign:
		seen.secretProblem = strangersSecret(secret)
	case renewal.SecretUncollected:
	default:
		seen.secret = secret
	}
}

// strangersSecret says whose the Secret is that stands in the way, and the cure.
func strangersSecret(secret *corev1.Secret) string {
	if session := sessionOwning(secret); session != "" {
		return fmt.Sprintf("Secret %q belongs to BillingSession %q: create a session with another spec.secretName", secret.Name, session)
	}
	return fmt.Sprintf("Secret %q exists and is not owned by this session, so it is left alone: "+
		"create a session with another spec.secretName, or delete the Secret if nobody needs it", secret.Name)
}

// findSecret is the Secret of the generated Secret's name, nil if there is none.
// One that only the metadata shows is read live: it lacks our label. So is one that
// was there when the status was written last: each cache hears for itself of a label
// that comes or goes, and for a moment neither may show the Secret.
func (r *Reconciler) findSecret(ctx context.Context, seen *observation) (*corev1.Secret, error) {
	name := types.NamespacedName{Namespace: seen.session.Namespace, Name: secretName(seen.session)}
	cached, err := getOrNil(ctx, r.Generated, name, &corev1.Secret{})
	if err != nil {
		return nil, fmt.Errorf("read the generated Secret: %w", err)
	}
	secret, doubtful := seen.memory.latestSecret(cached, r.Clock.Now())
	if secret != nil && !doubtful && !seen.memory.readLive {
		if cached == nil {
			seen.lookAgainAt(seen.memory.secretAt.Add(cacheLag))
		}
		return secret, nil
	}
	if secret == nil && !seen.memory.readLive && seen.session.Status.SecretName == "" {
		metadata, err := r.secretMetadata(ctx, name)
		if err != nil || metadata == nil {
			return nil, err
		}
	}
	return r.readSecretLive(ctx, seen, name)
}

// readSecretLive reads the generated Secret past the caches, nil if there is none.
func (r *Reconciler) readSecretLive(ctx context.Context, seen *observation, name types.NamespacedName) (*corev1.Secret, error) {
	live, err := getOrNil(ctx, r.Live, name, &corev1.Secret{})
	if err != nil {
		return nil, fmt.Errorf("read the generated Secret past the cache: %w", err)
	}
	seen.memory.readLive, seen.memory.secret = false, nil
	if live != nil && judgeOwner(seen.session, live) == renewal.SecretOurs {
		seen.memory.secret, seen.memory.secretAt = live, r.Clock.Now()
	}
	return live, nil
}

// observeRivals looks for an older session that claims the same Secret: the
// older one has it.
func (r *Reconciler) observeRivals(ctx context.Context, seen *observation) error {
	claims, err := r.claimants(ctx, types.NamespacedName{Namespace: seen.session.Namespace, Name: secretName(seen.session)})
	if err != nil {
		return fmt.Errorf("look for sessions with the same Secret: %w", err)
	}
	for i := range claims {
		if rival := &claims[i]; older(rival, seen.session) {
			seen.secretState = renewal.SecretForeign
			seen.secretProblem = fmt.Sprintf("BillingSession %q is older and claims Secret %q as well: "+
				"create a session with another spec.secretName", rival.Name, secretName(rival))
			return nil
		}
	}
	return nil
}

func older(a, b *v1alpha1.BillingSession) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.UID < b.UID
}
