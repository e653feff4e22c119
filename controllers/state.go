package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// state is what a session comes down to, for those who watch many.
type state string

const (
	// stateReady: a URL for the session's inputs is alive.
	stateReady state = "ready"
	// stateFailing: the same, but the attempts to replace it fail.
	stateFailing state = "failing"
	// stateExpired: the last URL has expired.
	stateExpired state = "expired"
	// stateUnissued: there is no URL for the session's inputs yet.
	stateUnissued state = "unissued"
	// stateSuspended: spec.suspend is true, whether or not a URL is alive.
	stateSuspended state = "suspended"
)

// reasonPending is the reason of a session that nobody has looked at yet, and so has no condition.
const reasonPending = "Pending"

// stateAndReason is a state with the reason for it: one of the conditions' reasons.
type stateAndReason struct {
	state  state
	reason string
}

// standing is how a session stands.
type standing struct {
	stateAndReason
	// ready: a URL for the session's inputs is alive.
	ready bool
}

// standingOf reads from a session's status how it stands at now. What the status says of a
// URL that has expired since is not believed.
func standingOf(session *v1alpha1.BillingSession, now time.Time) standing {
	condition := meta.FindStatusCondition(session.Status.Conditions, v1alpha1.ConditionReady)
	failing := meta.FindStatusCondition(session.Status.Conditions, v1alpha1.ConditionRenewalFailing)
	if condition == nil {
		return standing{stateAndReason: stateAndReason{stateUnissued, reasonPending}}
	}
	expires := expiryOf(session)
	expired := !expires.IsZero() && !now.Before(expires)
	s := standing{ready: condition.Status == metav1.ConditionTrue && !expired}
	s.reason = reasonOf(condition, failing, session.Status.LastAttempt)
	switch {
	case session.Spec.Suspend:
		s.state = stateSuspended
	case s.ready && failing != nil:
		s.state = stateFailing
	case s.ready:
		s.state = stateReady
	case expired:
		s.state = stateExpired
		if s.reason == v1alpha1.ReasonIssued { // the controller has not said so yet
			s.reason = v1alpha1.ReasonExpired
		}
	default:
		s.state = stateUnissued
	}
	return s
}

// reasonOf is why a session stands as it does: where its condition says no more than that a
// URL is lacking, it is what came of the last request for one.
func reasonOf(ready, failing *metav1.Condition, last *v1alpha1.Attempt) string {
	lacking := ready.Reason == v1alpha1.ReasonExpired || ready.Reason == v1alpha1.ReasonInputsChanged
	switch {
	case failing != nil:
		return failing.Reason
	case lacking && last != nil && last.Outcome != v1alpha1.OutcomeGranted:
		return string(last.Outcome)
	}
	return ready.Reason
}

// expiryOf is when the session's URL expires or expired, by our clock; zero when it never had one.
func expiryOf(session *v1alpha1.BillingSession) time.Time {
	status := &session.Status
	if status.ExpirationTime == nil {
		return time.Time{}
	}
	grant := renewal.Grant{Expire: status.ExpirationTime.Time}
	if status.IssuedFor != nil {
		grant.Offset = time.Duration(status.IssuedFor.ClockOffsetSeconds) * time.Second
	}
	return grant.ExpiresAt()
}
