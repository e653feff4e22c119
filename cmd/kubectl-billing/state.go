package main

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers"
)

// state is what a person wants to know of a session at a glance.
type state struct {
	ready string
	// life is for how long the URL still works, or since when it does not.
	life string
	// renews is when the endpoint is asked next.
	renews string
	// cause is the reason of what fails, empty when nothing does: of a URL that has
	// expired, why there is no newer one. message says it in sentences.
	cause, message string
	mood           mood
}

// mood is how much a person should care.
type mood int

const (
	content  mood = iota
	troubled      // it works, or will by itself
	broken        // it does not work
)

// stateOf reads a session's status. A URL that has expired since the status was
// written is told as what it is.
func stateOf(session *v1alpha1.BillingSession, now time.Time) state {
	conditions := session.Status.Conditions
	s := state{ready: string(metav1.ConditionUnknown), life: life(session, now), renews: renews(session, now)}
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	failing := meta.FindStatusCondition(conditions, v1alpha1.ConditionRenewalFailing)
	expires := controllers.ExpiryOf(&session.Status)
	switch {
	case ready == nil:
		s.mood, s.message = troubled, "The controller has not looked at it yet"
		return s
	case ready.Status != metav1.ConditionTrue:
		s.mood, s.cause, s.message = broken, controllers.ReasonOf(&session.Status), ready.Message
	case !expires.IsZero() && !now.Before(expires):
		s.mood, s.cause, s.message = broken, v1alpha1.ReasonExpired, "The URL has expired, and the controller has not said so yet: is it running?"
	case failing != nil:
		s.mood, s.cause, s.message = troubled, failing.Reason, failing.Message
	}
	s.ready = string(ready.Status)
	if lacksKey(s.cause) {
		s.renews = none
	}
	return s
}

// lacksKey says whether nothing can be asked for until somebody brings a key.
func lacksKey(reason string) bool {
	return reason == v1alpha1.ReasonKeySecretMissing || reason == v1alpha1.ReasonKeyInvalid
}

func life(session *v1alpha1.BillingSession, now time.Time) string {
	expires := controllers.ExpiryOf(&session.Status)
	switch {
	case expires.IsZero():
		return none
	case now.Before(expires):
		return span(expires.Sub(now))
	}
	return "expired " + span(now.Sub(expires)) + " ago"
}

// none stands where there is nothing to say.
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
	return "in " + span(at.Sub(now))
}

// nextRequest is when the endpoint is asked next: at the renewal, and after a
// failure not before its wait is over. A request of a person that is still
// unanswered does not wait for the renewal.
func nextRequest(session *v1alpha1.BillingSession) *metav1.Time {
	status := session.Status
	renewal, attempt := status.RenewalTime, status.LastAttempt
	if attempt == nil || attempt.NextTime == nil {
		return renewal
	}
	token := session.Annotations[v1alpha1.AnnotationRenewRequestedAt]
	pending := token != "" && token != status.LastHandledRenewRequest
	if renewal == nil || pending || renewal.Before(attempt.NextTime) {
		return attempt.NextTime
	}
	return renewal
}

func compareNames(a, b v1alpha1.BillingSession) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// compareExpiry puts first what expires first, and last what never had a URL.
func compareExpiry(a, b v1alpha1.BillingSession) int {
	atA, atB := controllers.ExpiryOf(&a.Status), controllers.ExpiryOf(&b.Status)
	switch {
	case atA.IsZero() && !atB.IsZero():
		return 1
	case atB.IsZero() && !atA.IsZero():
		return -1
	}
	return cmp.Or(atA.Compare(atB), compareNames(a, b))
}
