package controllers

import (
	"math/rand/v2"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func TestStandings(t *testing.T) {
	t.Parallel()
	now := time.Unix(rand.Int64N(1<<32), 0)
	alive, dead := now.Add(time.Second), now
	issued := verdict{ready: true, reason: v1alpha1.ReasonIssued}
	failing := verdict{ready: true, reason: v1alpha1.ReasonIssued, failing: v1alpha1.ReasonMalformed}
	expired := verdict{reason: v1alpha1.ReasonExpired, working: true}
	rejected := verdict{reason: v1alpha1.ReasonRejected, stalled: true}
	changed := verdict{reason: v1alpha1.ReasonInputsChanged, working: true}
	for _, row := range []struct {
		why       string
		says      verdict
		expires   time.Time
		suspended bool
		offset    time.Duration
		last      v1alpha1.Outcome
		state     state
		reason    string
		ready     bool
	}{
		{why: "nobody has looked at it yet", state: stateUnissued, reason: reasonPending},
		{why: "all is well", says: issued, expires: alive, state: stateReady, reason: v1alpha1.ReasonIssued, ready: true},
		{why: "it works, but who is on call should know", says: failing, expires: alive, last: v1alpha1.OutcomeMalformed,
			state: stateFailing, reason: v1alpha1.ReasonMalformed, ready: true},
		{why: "that it has expired says nothing of why", says: expired, expires: dead, last: v1alpha1.OutcomeThrottled,
			state: stateExpired, reason: v1alpha1.ReasonThrottled},
		{why: "another session's request may have been throttled", says: expired, expires: dead,
			state: stateExpired, reason: v1alpha1.ReasonExpired},
		{why: "a person must act, and too late", says: rejected, expires: dead, last: v1alpha1.OutcomeRejected,
			state: stateExpired, reason: v1alpha1.ReasonRejected},
		{why: "a person must act before there is any", says: rejected, state: stateUnissued, reason: v1alpha1.ReasonRejected},
		{why: "the old URL is not for the new key", says: changed, expires: alive, last: v1alpha1.OutcomeUnavailable,
			state: stateUnissued, reason: v1alpha1.ReasonUnavailable},
		{why: "a grant for older inputs is no trouble", says: changed, expires: alive, last: v1alpha1.OutcomeGranted,
			state: stateUnissued, reason: v1alpha1.ReasonInputsChanged},
		{why: "a controller that hangs does not say what has expired", says: issued, expires: dead,
			state: stateExpired, reason: v1alpha1.ReasonExpired},
		{why: "the endpoint's clock is ahead, and its expire with it", says: issued, expires: alive, offset: time.Hour,
			state: stateExpired, reason: v1alpha1.ReasonExpired},
		{why: "somebody wants it so", says: verdict{reason: v1alpha1.ReasonSuspended, stalled: true}, expires: dead, suspended: true,
			state: stateSuspended, reason: v1alpha1.ReasonSuspended},
		{why: "suspended, and works for now", says: issued, expires: alive, suspended: true,
			state: stateSuspended, reason: v1alpha1.ReasonIssued, ready: true},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			session := sessionWith(row.says)
			session.Spec.Suspend = row.suspended
			if !row.expires.IsZero() {
				session.Status.ExpirationTime = &metav1.Time{Time: row.expires}
				session.Status.IssuedFor = &v1alpha1.IssuedFor{ClockOffsetSeconds: int64(row.offset / time.Second)}
			}
			if row.last != "" {
				session.Status.LastAttempt = &v1alpha1.Attempt{Outcome: row.last}
			}
			want := standing{stateAndReason{row.state, row.reason}, row.ready}
			if got := standingOf(session, now); got != want {
				t.Errorf("stands %+v, want %+v", got, want)
			}
		})
	}
}
