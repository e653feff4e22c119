package status

import (
	"math/rand/v2"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	now := time.Unix(rand.Int64N(1<<32), 0)
	alive, dead := now.Add(time.Second), now
	failing, expired := failing(v1alpha1.ReasonMalformed), reconciling(v1alpha1.ReasonExpired)
	rejected, changed := stalled(v1alpha1.ReasonRejected), reconciling(v1alpha1.ReasonInputsChanged)
	for _, row := range []struct {
		why       string
		says      conditions
		expires   time.Time
		suspended bool
		offset    time.Duration
		last      v1alpha1.Outcome
		state     State
		reason    string
		ready     bool
	}{
		{why: "nobody has looked at it yet", state: StateUnissued, reason: ReasonPending},
		{why: "all is well", says: issued, expires: alive, state: StateReady, reason: v1alpha1.ReasonIssued, ready: true},
		{why: "it works, but who is on call should know", says: failing, expires: alive, last: v1alpha1.OutcomeMalformed,
			state: StateFailing, reason: v1alpha1.ReasonMalformed, ready: true},
		{why: "that it has expired says nothing of why", says: expired, expires: dead, last: v1alpha1.OutcomeThrottled,
			state: StateExpired, reason: v1alpha1.ReasonThrottled},
		{why: "another session's request may have been throttled", says: expired, expires: dead,
			state: StateExpired, reason: v1alpha1.ReasonExpired},
		{why: "a person must act before there is any", says: rejected, state: StateUnissued, reason: v1alpha1.ReasonRejected},
		{why: "the old URL is not for the new key", says: changed, expires: alive, last: v1alpha1.OutcomeUnavailable,
			state: StateUnissued, reason: v1alpha1.ReasonUnavailable},
		{why: "a controller that hangs does not say what has expired", says: issued, expires: dead,
			state: StateExpired, reason: v1alpha1.ReasonExpired},
		{why: "the endpoint's clock is ahead, and its expire with it", says: issued, expires: alive, offset: time.Hour,
			state: StateExpired, reason: v1alpha1.ReasonExpired},
		{why: "somebody wants it so", says: conditions{ready: no, reason: v1alpha1.ReasonSuspended}, expires: dead, suspended: true,
			state: StateSuspended, reason: v1alpha1.ReasonSuspended},
		{why: "suspended, and works for now", says: issued, expires: alive, suspended: true,
			state: StateSuspended, reason: v1alpha1.ReasonIssued, ready: true},
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
			want := Summary{row.state, row.reason, row.ready}
			if got := Summarize(session, now); got != want {
				t.Errorf("stands %+v, want %+v", got, want)
			}
		})
	}
}

// An edited status may lack what belongs together, and the plugin lists such sessions too.
func TestExpiryOfAStatusWithoutOffset(t *testing.T) {
	t.Parallel()
	at := time.Unix(rand.Int64N(1<<32), 0)
	if got := ExpiryOf(&v1alpha1.BillingSessionStatus{ExpirationTime: &metav1.Time{Time: at}}); !got.Equal(at) {
		t.Errorf("expires at %v, want %v", got, at)
	}
	if got := ExpiryOf(&v1alpha1.BillingSessionStatus{}); !got.IsZero() {
		t.Errorf("expires at %v although it never had a URL", got)
	}
}
