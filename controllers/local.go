package controllers

import (
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// localState is what this process knows of a session beyond what the API server holds. Only the
// worker that reconciles the session uses it.
type localState struct {
	uid types.UID
	// isKnown reports whether this process has looked at the session before.
	isKnown bool
	// session and secret are our own last writes, until the cache shows them.
	session, secret fence
	intact          intactSecret
	// forged is the last version that was found not to be as it was written.
	forged   string
	attempts attempts
	pending  pendingWrite
	// namespaceGone reports whether the namespace is being deleted, which nothing undoes.
	namespaceGone bool
}

// intactSecret is the last version of the generated Secret that was as it should be: read so,
// written by us or, at the first look, vouched for by the status.
type intactSecret struct {
	at attemptedWrite
	// expire is when its URL expires; zero when only its metadata tells.
	expire time.Time
}

// look takes over, at the first look of this process at the session, what an earlier process
// left in the status.
func (l *localState) look(session *v1alpha1.BillingSession, now time.Time) {
	if !l.isKnown {
		l.isKnown = true
		l.pending.assume(session, now)
		// Later the status would only repeat what this process knows, or what somebody forged.
		if version := session.Status.SecretResourceVersion; version != "" {
			l.intact.at = attemptedWrite{version, session.Status.ObservedGeneration}
		}
	}
}

// localStates holds the local state of each session.
type localStates struct {
	mu     sync.Mutex
	states map[types.NamespacedName]*localState
	// asked is when the last request was made for sessions that went within the last moments.
	// A session that is deleted and created again must not ask more often than one that stays.
	asked map[types.NamespacedName]time.Time
	swept time.Time
}

func newLocalStates() *localStates {
	return &localStates{
		states: map[types.NamespacedName]*localState{},
		asked:  map[types.NamespacedName]time.Time{},
	}
}

// of is the local state of a session. A new session of the same name has a new one.
func (l *localStates) of(session *v1alpha1.BillingSession, now time.Time) *localState {
	name := types.NamespacedName{Namespace: session.Namespace, Name: session.Name}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	before, ok := l.states[name]
	if ok && before.uid == session.UID {
		return before
	}
	local := &localState{uid: session.UID, attempts: attempts{asked: l.asked[name]}}
	if ok {
		local.attempts.asked = before.attempts.asked
	}
	delete(l.asked, name)
	l.states[name] = local
	return local
}

// forget drops the local state of a session that is gone.
func (l *localStates) forget(name types.NamespacedName, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	local, ok := l.states[name]
	if !ok {
		return
	}
	delete(l.states, name)
	if isRecent(local.attempts.asked, now) {
		l.asked[name] = local.attempts.asked
	}
}

// sweep drops the requests of deleted sessions that do not matter any more. Looking at all
// of them at each deletion would take time that grows with its square.
func (l *localStates) sweep(now time.Time) {
	if isRecent(l.swept, now) {
		return
	}
	l.swept = now
	maps.DeleteFunc(l.asked, func(_ types.NamespacedName, asked time.Time) bool { return !isRecent(asked, now) })
}

// isRecent reports whether a request at that time still makes the next one wait.
func isRecent(asked, now time.Time) bool { return now.Sub(asked).Abs() < renewal.MinInterval }
