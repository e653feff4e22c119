package controllers

import (
	"context"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// claims are who asks for the URL of which Secret. Sessions that claim one Secret name in the
// same instant do not see each other in any cache yet. Without claims each of them would
// spend a request, and all but one of the URLs would be thrown away.
type claims struct {
	// wake brings a session before a worker again.
	wake func(session types.NamespacedName)

	mu        sync.Mutex
	bySecret  map[types.NamespacedName]*claim
	bySession map[types.NamespacedName]types.NamespacedName // the Secret that it claims
}

// claim is on one Secret.
type claim struct {
	// holder is the session that asked last.
	holder types.NamespacedName
	// isOpen reports whether the holder asks, or has a URL that is not stored yet.
	isOpen bool
	// waiting are the sessions to be woken when that is over.
	waiting []types.NamespacedName
}

func newClaims(wake func(session types.NamespacedName)) *claims {
	return &claims{
		wake: wake, bySecret: map[types.NamespacedName]*claim{}, bySession: map[types.NamespacedName]types.NamespacedName{},
	}
}

// claimResult is what came of a claim.
type claimResult int

const (
	// claimed: no other session asked since this one did.
	claimed claimResult = iota
	// claimedAfter: another session asked last. It may have written the Secret after this
	// one looked for it.
	claimedAfter
	// claimedByOther: another session asks. This one is woken when that is over.
	claimedByOther
)

// claim gives the Secret to the session unless another asks for it.
func (c *claims) claim(secret, session types.NamespacedName) claimResult {
	if c.secretOf(session) != secret {
		c.release(session) // of an earlier session of its name
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	held, ok := c.bySecret[secret]
	if !ok {
		held = &claim{holder: session}
		c.bySecret[secret] = held
	}
	if held.holder != session && held.isOpen {
		if !slices.Contains(held.waiting, session) {
			held.waiting = append(held.waiting, session)
		}
		return claimedByOther
	}
	result := claimed
	if held.holder != session {
		delete(c.bySession, held.holder)
		result = claimedAfter
	}
	held.holder, held.isOpen = session, true
	c.bySession[session] = secret
	return result
}

func (c *claims) secretOf(session types.NamespacedName) types.NamespacedName {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bySession[session]
}

// isOpen reports whether the session asks, or has a URL to store.
func (c *claims) isOpen(session types.NamespacedName) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	held, ok := c.bySecret[c.bySession[session]]
	return ok && held.isOpen
}

// settle says that the session has stored the URL that it asked for, or has none. It stays
// the holder until another session asks.
func (c *claims) settle(session types.NamespacedName) {
	for _, other := range c.close(session, false) {
		c.wake(other)
	}
}

// release drops what is known of a session that is gone.
func (c *claims) release(session types.NamespacedName) {
	for _, other := range c.close(session, true) {
		c.wake(other)
	}
}

// close ends the session's claim, and returns who waited for that.
func (c *claims) close(session types.NamespacedName, isGone bool) (waiting []types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	secret, ok := c.bySession[session]
	if !ok {
		return nil
	}
	held := c.bySecret[secret]
	waiting, held.waiting, held.isOpen = held.waiting, nil, false
	if isGone {
		delete(c.bySession, session)
		delete(c.bySecret, secret)
	}
	return waiting
}

// claimSecret keeps two sessions from asking for URLs for the same Secret. isClaimed is false
// when the session is to decide again: another one asks, or has just written the Secret.
func (r *Reconciler) claimSecret(ctx context.Context, seen observation) (after observation, isClaimed bool, err error) {
	session, name := client.ObjectKeyFromObject(seen.session), generatedName(seen.session)
	switch r.reader.claims.claim(name, session) {
	case claimedByOther:
		r.dispatcher.Cancel(session) // a turn that nobody uses would hold up the others
		seen.local.attempts.queue(r.clock.Now())
		seen.isQueued = true
		return seen, false, nil
	case claimedAfter:
		if seen.secret != nil {
			break
		}
		found, err := r.reader.readSecretLive(ctx, &seen, name, seen.secret)
		if err != nil || found == nil {
			return seen, err == nil, err
		}
		after, err = r.reader.inspect(ctx, seen, found)
		return after, false, err
	case claimed:
	}
	return seen, true, nil
}
