package main

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/status"
)

// state summarizes a session for a row of the list.
type state struct {
	ready string
	// life says how long the URL still works, or how long ago it expired.
	life string
	// renews says when the controller asks the endpoint next.
	renews string
	// cause is the reason of the failure, empty if nothing fails. For an expired URL it
	// is the reason why there is no newer one. message is the same in sentences.
	cause, message string
	severity       severity
}

// severity is how urgently a person should look at a session.
type severity int

const (
	severityOK      severity = iota
	severityWarning          // it works, or will without help
	severityError            // it does not work
)

// durationFormat formats a duration: in words for sentences, short for tables.
type durationFormat func(time.Duration) string

// stateOf reads a session's status. It does not believe a status that was written
// before the URL expired.
func stateOf(session *v1alpha1.BillingSession, now time.Time, format durationFormat) state {
	conditions := session.Status.Conditions
	s := state{ready: string(metav1.ConditionUnknown), life: life(session, now, format), renews: renews(session, now, format)}
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	failing := meta.FindStatusCondition(conditions, v1alpha1.ConditionRenewalFailing)
	expires := status.ExpiryOf(&session.Status)
	switch {
	case ready == nil:
		s.severity, s.message = severityWarning, "The controller has not looked at it yet"
		return s
	case ready.Status != metav1.ConditionTrue:
		s.severity, s.cause, s.message = severityError, status.ReasonOf(&session.Status), ready.Message
	case !expires.IsZero() && !now.Before(expires):
		s.severity, s.cause, s.message = severityError, v1alpha1.ReasonExpired, "The URL has expired, and the controller has not said so yet: is it running?"
	case failing != nil:
		s.severity, s.cause, s.message = severityWarning, failing.Reason, failing.Message
	}
	s.ready = string(ready.Status)
	if lacksKey(s.cause) {
		s.renews = none
	}
	return s
}

// lacksKey reports whether the controller cannot ask until somebody provides a key.
func lacksKey(reason string) bool {
	return reason == v1alpha1.ReasonKeySecretMissing || reason == v1alpha1.ReasonKeySecretForbidden || reason == v1alpha1.ReasonKeyInvalid
}

func life(session *v1alpha1.BillingSession, now time.Time, format durationFormat) string {
	expires := status.ExpiryOf(&session.Status)
	switch {
	case expires.IsZero():
		return none
	case now.Before(expires):
		return format(expires.Sub(now))
	}
	return "expired " + format(now.Sub(expires)) + " ago"
}

// none fills a cell that has no value.
const none = "-"

func renews(session *v1alpha1.BillingSession, now time.Time, format durationFormat) string {
	at := status.NextRequest(session)
	switch {
	case session.Spec.Suspend:
		return "suspended"
	case at == nil:
		return none
	case !now.Before(at.Time):
		return "now"
	}
	return "in " + format(at.Sub(now))
}

func compareNames(a, b v1alpha1.BillingSession) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// compareExpiry sorts by expiry. Sessions that never had a URL come last.
func compareExpiry(a, b v1alpha1.BillingSession) int {
	atA, atB := status.ExpiryOf(&a.Status), status.ExpiryOf(&b.Status)
	switch {
	case atA.IsZero() && !atB.IsZero():
		return 1
	case atB.IsZero() && !atA.IsZero():
		return -1
	}
	return cmp.Or(atA.Compare(atB), compareNames(a, b))
}
