package main

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// state summarizes a session for a row of the list.
type state struct {
	ready string
	// life says how long the URL still works, or how long ago it expired.
	life string
	// renews says when the operator asks the endpoint next.
	renews string
	// cause is the reason of the failure, empty if nothing fails. For an expired URL it
	// is the reason why there is no newer one. message is the same in sentences.
	cause, message string
}

// stateOf reads a session's status. It does not believe a status that was written
// before the URL expired.
func stateOf(session *v1alpha1.BillingSession, now time.Time) state {
	s := state{ready: string(metav1.ConditionUnknown), life: life(session, now), renews: renews(session, now)}
	ready, failing := conditionOf(session, v1alpha1.ConditionReady), conditionOf(session, v1alpha1.ConditionRenewalFailing)
	switch {
	case ready == nil:
		s.message = "The operator has not looked at it yet"
		return s
	case ready.Status != metav1.ConditionTrue:
		s.cause, s.message = causeOf(session), ready.Message
	case hasExpired(session, now):
		s.cause, s.message = v1alpha1.ReasonExpired, "The URL has expired, and the operator has not said so yet: is it running?"
	case failing != nil:
		s.cause, s.message = failing.Reason, failing.Message
	}
	s.ready = string(ready.Status)
	if lacksKey(s.cause) {
		s.renews = none
	}
	return s
}

func conditionOf(session *v1alpha1.BillingSession, kind string) *metav1.Condition {
	return meta.FindStatusCondition(session.Status.Conditions, kind)
}

// causeOf is why a session has no newer URL; empty if nothing fails, or nobody has looked
// at it. If the condition Ready says only that a URL is lacking, it is the outcome of the
// last request.
func causeOf(session *v1alpha1.BillingSession) string {
	ready, failing := conditionOf(session, v1alpha1.ConditionReady), conditionOf(session, v1alpha1.ConditionRenewalFailing)
	last := session.Status.LastAttempt
	switch {
	case failing != nil:
		return failing.Reason
	case ready == nil || ready.Status == metav1.ConditionTrue:
		return ""
	case last == nil || last.Outcome == v1alpha1.OutcomeGranted:
		return ready.Reason
	case ready.Reason == v1alpha1.ReasonExpired || ready.Reason == v1alpha1.ReasonInputsChanged:
		return string(last.Outcome)
	}
	return ready.Reason
}

// lacksKey reports whether the operator cannot ask until somebody provides a key.
func lacksKey(reason string) bool {
	return reason == v1alpha1.ReasonKeySecretMissing || reason == v1alpha1.ReasonKeySecretForbidden || reason == v1alpha1.ReasonKeyInvalid
}

// expiryOf is when the last URL expires or has expired, by the operator's clock. The
// status has it by the endpoint's clock, and how far the two differ. It is zero when there
// never was a URL.
func expiryOf(session *v1alpha1.BillingSession) time.Time {
	expires, issuedFor := session.Status.ExpirationTime, session.Status.IssuedFor
	switch {
	case expires == nil:
		return time.Time{}
	case issuedFor == nil:
		return expires.Time
	}
	return expires.Add(-time.Duration(issuedFor.ClockOffsetSeconds) * time.Second)
}

func hasExpired(session *v1alpha1.BillingSession, now time.Time) bool {
	expires := expiryOf(session)
	return !expires.IsZero() && !now.Before(expires)
}

func life(session *v1alpha1.BillingSession, now time.Time) string {
	expires := expiryOf(session)
	switch {
	case expires.IsZero():
		return none
	case hasExpired(session, now):
		return "expired " + duration.HumanDuration(now.Sub(expires)) + " ago"
	}
	return duration.HumanDuration(expires.Sub(now))
}

// none fills a cell that has no value.
const none = "-"

func renews(session *v1alpha1.BillingSession, now time.Time) string {
	at := nextRequest(session)
	switch {
	case session.Spec.Suspend:
		return "suspended"
	case at == nil:
		return none
	case !now.Before(at.Time):
		return "now"
	}
	return "in " + duration.HumanDuration(at.Sub(now))
}

// nextRequest is when the endpoint is asked next: at the renewal, and after a failure not
// before its wait is over. A renew request that is unanswered does not wait for the
// renewal. It is nil when the status does not tell.
func nextRequest(session *v1alpha1.BillingSession) *metav1.Time {
	due, last := session.Status.RenewalTime, session.Status.LastAttempt
	switch {
	case last == nil || last.NextTime == nil:
		return due
	case due == nil || isRequested(session) || due.Before(last.NextTime):
		return last.NextTime
	}
	return due
}

// isRequested reports whether a renew request is unanswered.
func isRequested(session *v1alpha1.BillingSession) bool {
	token := renewToken(session)
	return token != "" && token != session.Status.LastHandledRenewRequest
}

// renewToken is the token of the last renew request, in the form in which the status tells
// that it was handled: of a long one it has the SHA-256 digest.
func renewToken(session *v1alpha1.BillingSession) string {
	token := session.Annotations[v1alpha1.AnnotationRenewRequestedAt]
	if utf8.RuneCountInString(token) <= v1alpha1.MaxRenewRequestLength {
		return token
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(token)))
}

func compareNames(a, b v1alpha1.BillingSession) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// compareExpiry sorts by expiry. Sessions that never had a URL come last.
func compareExpiry(a, b v1alpha1.BillingSession) int {
	atA, atB := expiryOf(&a), expiryOf(&b)
	switch {
	case atA.IsZero() && !atB.IsZero():
		return 1
	case atB.IsZero() && !atA.IsZero():
		return -1
	}
	return cmp.Or(atA.Compare(atB), compareNames(a, b))
}
