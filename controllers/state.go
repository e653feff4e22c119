package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

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
	conditions := session.Status.Conditions
	expires := ExpiryOf(&session.Status)
	expired := !expires.IsZero() && !now.Before(expires)
	s := standing{ready: meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady) && !expired}
	s.reason = ReasonOf(&session.Status)
	switch {
	case s.reason == reasonPending:
		s.state = stateUnissued
	case session.Spec.Suspend:
		s.state = stateSuspended
	case s.ready && meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionRenewalFailing):
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

// ReasonOf is why a session stands as its status says: where the condition Ready says no
// more than that a URL is lacking, it is what came of the last request for one.
func ReasonOf(status *v1alpha1.BillingSessionStatus) string {
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	failing := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRenewalFailing)
	switch {
	case ready == nil:
		return reasonPending
	case failing != nil:
		return failing.Reason
	}
	lacking := ready.Reason == v1alpha1.ReasonExpired || ready.Reason == v1alpha1.ReasonInputsChanged
	if last := status.LastAttempt; lacking && last != nil && last.Outcome != v1alpha1.OutcomeGranted {
		return string(last.Outcome)
	}
	return ready.Reason
}

// ExpiryOf is when the URL that the status tells of expires or expired, by our clock: the
// endpoint's own may differ, by an offset that the status holds. It is zero when there
// never was one.
func ExpiryOf(status *v1alpha1.BillingSessionStatus) time.Time {
	if status.ExpirationTime == nil {
		return time.Time{}
	}
	grant := renewal.Grant{Expire: status.ExpirationTime.Time}
	if status.IssuedFor != nil {
		grant.Offset = time.Duration(status.IssuedFor.ClockOffsetSeconds) * time.Second
	}
	return grant.ExpiresAt()
}
