package status

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// State says in one word how a session stands, for metrics and lists.
type State string

const (
	// StateReady: a URL for the session's inputs is alive.
	StateReady State = "ready"
	// StateFailing: the same, but the attempts to replace it fail.
	StateFailing State = "failing"
	// StateExpired: the last URL has expired.
	StateExpired State = "expired"
	// StateUnissued: there is no URL for the session's inputs yet.
	StateUnissued State = "unissued"
	// StateSuspended: spec.suspend is true, whether or not a URL is alive.
	StateSuspended State = "suspended"
)

// ReasonPending is the reason of a session that has no condition yet, as the controller has
// not looked at it.
const ReasonPending = "Pending"

// Summary is how a session stands, and why.
type Summary struct {
	State State
	// Reason is why: the reason of a condition, ReasonPending, or the outcome of the last
	// request.
	Reason string
	// Ready reports whether a URL for the session's inputs is alive.
	Ready bool
}

// Summarize reads from a session's status how it stands at now. A URL that has expired
// since the status was written counts as expired.
func Summarize(session *v1alpha1.BillingSession, now time.Time) Summary {
	conditions := session.Status.Conditions
	expires := ExpiryOf(&session.Status)
	expired := !expires.IsZero() && !now.Before(expires)
	s := Summary{
		Reason: ReasonOf(&session.Status),
		Ready:  meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady) && !expired,
	}
	switch {
	case s.Reason == ReasonPending:
		s.State = StateUnissued
	case session.Spec.Suspend:
		s.State = StateSuspended
	case s.Ready && meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionRenewalFailing):
		s.State = StateFailing
	case s.Ready:
		s.State = StateReady
	case expired:
		s.State = StateExpired
		if s.Reason == v1alpha1.ReasonIssued { // the controller has not said so yet
			s.Reason = v1alpha1.ReasonExpired
		}
	default:
		s.State = StateUnissued
	}
	return s
}

// ReasonOf is why a session stands as its status says. If the condition Ready says only that
// a URL is lacking, it is the outcome of the last request.
func ReasonOf(status *v1alpha1.BillingSessionStatus) string {
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	failing := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRenewalFailing)
	switch {
	case ready == nil:
		return ReasonPending
	case failing != nil:
		return failing.Reason
	}
	lacking := ready.Reason == v1alpha1.ReasonExpired || ready.Reason == v1alpha1.ReasonInputsChanged
	if last := status.LastAttempt; lacking && last != nil && last.Outcome != v1alpha1.OutcomeGranted {
		return string(last.Outcome)
	}
	return ready.Reason
}

// personReasons are those of sessions that the endpoint refuses, that the API server refuses or
// somebody fights over, or whose key is missing or no key.
var personReasons = []string{
	v1alpha1.ReasonRejected, v1alpha1.ReasonSecretWriteFailed, v1alpha1.ReasonSecretConflict,
	v1alpha1.ReasonKeySecretMissing, v1alpha1.ReasonKeySecretForbidden, v1alpha1.ReasonKeyInvalid,
}

// NeedsPerson reports whether a session with this reason mostly waits for a person.
func NeedsPerson(reason string) bool { return slices.Contains(personReasons, reason) }

// ExpiryOf is when the last URL expires or has expired, by our clock: status.expirationTime
// is by the endpoint's clock, and the status also holds how far the two differ. It is zero
// when there never was a URL.
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
