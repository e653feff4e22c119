package controllers

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func TestNewsAreWhatAPersonCaresAbout(t *testing.T) {
	t.Parallel()
	untouched := verdict{}
	issued := verdict{ready: true, reason: v1alpha1.ReasonIssued}
	failing := verdict{ready: true, reason: v1alpha1.ReasonIssued, failing: v1alpha1.ReasonUnavailable}
	expired := verdict{reason: v1alpha1.ReasonExpired, working: true}
	rejected := verdict{reason: v1alpha1.ReasonRejected, stalled: true}
	for _, row := range []struct {
		why       string
		was, is   verdict
		first     bool
		suspended bool
		told      string
	}{
		{why: "the first URL is what the session is for", was: untouched, is: issued, first: true, told: v1alpha1.ReasonIssued},
		{why: "a renewal is routine", was: issued, is: issued},
		{why: "a failing renewal is told early", was: issued, is: failing, told: v1alpha1.ReasonUnavailable},
		{why: "a failure that goes on is told once", was: failing, is: failing},
		{why: "whoever was alarmed wants to hear the end", was: failing, is: issued, told: v1alpha1.ReasonRecovered},
		{why: "suspending mends nothing", was: failing, is: issued, suspended: true},
		{why: "now it matters", was: failing, is: expired, told: v1alpha1.ReasonExpired},
		{why: "a person must act", was: issued, is: rejected, told: v1alpha1.ReasonRejected},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			before, after := sessionWith(row.was), sessionWith(row.is)
			if !row.first {
				before.Status.ExpirationTime = &metav1.Time{Time: time.Unix(1, 0)}
			}
			after.Spec.Suspend = row.suspended
			var said string
			if n := newsOf(before, after); n != nil {
				said = n.reason
			}
			if said != row.told {
				t.Errorf("told %q, want %q", said, row.told)
			}
		})
	}
}

func sessionWith(v verdict) *v1alpha1.BillingSession {
	session := &v1alpha1.BillingSession{}
	if v != (verdict{}) {
		setConditions(&session.Status, v, time.Unix(1, 0))
	}
	return session
}
