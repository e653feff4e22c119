package controllers

import (
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// attempts are the requests of this process for a session.
type attempts struct {
	// asked is when the last one was made.
	asked time.Time
	// fingerprint identifies what it was made with.
	fingerprint string
	// queuedSince is when the session began to wait for its turn; zero when it does not.
	queuedSince time.Time
	// known reports whether this process has asked. Then last is newer than what the status
	// says, also when it is nil because the request settled the matter.
	known bool
	last  *v1alpha1.Attempt
	// handled is the renew token that was answered last.
	handled string
}

func (a *attempts) queue(now time.Time) {
	if a.queuedSince.IsZero() {
		a.queuedSince = now
	}
}

func (a *attempts) leaveQueue() { a.queuedSince = time.Time{} }

// record keeps the result of a request until the status holds it.
func (a *attempts) record(facts renewal.Facts, asked time.Time, result renewal.Result) {
	a.asked, a.fingerprint, a.known = asked, facts.Fingerprint, true
	a.last = renewal.NextAttempt(facts, result)
	if result.Outcome == v1alpha1.OutcomeGranted || result.Outcome == v1alpha1.OutcomeRejected {
		a.handled = facts.RenewRequest
	}
}

// addTo adds to facts from the status what this process knows better.
func (a *attempts) addTo(f *renewal.Facts) {
	f.Asked, f.LastFingerprint = a.asked, a.fingerprint
	if a.known {
		f.Last = a.last
	}
	if a.handled != "" {
		f.HandledRequest = a.handled
	}
}
