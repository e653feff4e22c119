package integration

import (
	"testing"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// TestExpiredURLLeavesTheStatusAndStaysInTheSecret: pods must be able to start.
func TestExpiredURLLeavesTheStatusAndStaysInTheSecret(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	first := w.issued("acme", builders.Expiration(600))
	w.Standin.Misbehave(standin.Status(500))
	w.clock.Step(w.until(first.Status.RenewalTime.Time) + time.Second)
	failing := w.Reaches("acme", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonUnavailable)
	if failing.Status.URL != first.Status.URL {
		t.Errorf("a failed renewal took the URL")
	}
	w.clock.Step(w.until(first.Status.ExpirationTime.Time) + time.Second)
	expired := w.Reaches("acme", v1alpha1.ConditionReady, v1alpha1.ReasonExpired)
	if expired.Status.URL != "" || !expired.Status.ExpirationTime.Equal(first.Status.ExpirationTime) {
		t.Errorf("after the expiry the status shows %+v", expired.Status)
	}
	if got := w.URLIn("acme"); got != first.Status.URL {
		t.Errorf("the Secret does not hold the expired URL")
	}
	// Events are sent a moment later, and not any more by a process that stops.
	w.waitForEvents("acme", map[string]int{v1alpha1.ReasonIssued: 1, v1alpha1.ReasonUnavailable: 1, v1alpha1.ReasonExpired: 1})
	w.andPass("acme", w.restart)
	w.Reaches("acme", v1alpha1.ConditionReady, v1alpha1.ReasonExpired)
	w.Standin.Heal()
	w.clock.Step(7 * time.Minute)
	recovered := w.Ready("acme")
	if recovered.Status.LastAttempt != nil {
		t.Errorf("the failure is still told: %+v", recovered.Status.LastAttempt)
	}
	w.waitForEvents("acme", map[string]int{v1alpha1.ReasonIssued: 1, v1alpha1.ReasonUnavailable: 1,
		v1alpha1.ReasonExpired: 1, v1alpha1.ReasonRecovered: 1})
}

// TestEveryOutcomeIsToldAsWhatItIs holds reason and condition for a session
// without a URL, and for one whose renewal fails.
func TestEveryOutcomeIsToldAsWhatItIs(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		fault     standin.Fault
		reason    string
		condition string // while there is no URL
	}{
		{standin.Status(403), v1alpha1.ReasonRejected, v1alpha1.ConditionStalled},
		{standin.Throttle(0), v1alpha1.ReasonThrottled, v1alpha1.ConditionReconciling},
		{standin.Status(500), v1alpha1.ReasonUnavailable, v1alpha1.ConditionReconciling},
		{standin.HTML(), v1alpha1.ReasonMalformed, v1alpha1.ConditionReconciling},
		{standin.BodyStatus(403, "denied"), v1alpha1.ReasonRejected, v1alpha1.ConditionStalled},
		{standin.CutOff(), v1alpha1.ReasonUnavailable, v1alpha1.ConditionReconciling},
		{standin.Redirect("https://elsewhere.example/"), v1alpha1.ReasonMalformed, v1alpha1.ConditionReconciling},
		{standin.ForeignHost("evil.example"), v1alpha1.ReasonMalformed, v1alpha1.ConditionReconciling},
	} {
		t.Run(row.fault.String(), func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			w.Standin.Misbehave(row.fault, standin.EchoKey(), standin.EchoURL())
			w.Session("acme")
			w.Reaches("acme", row.condition, row.reason)
			w.Standin.Heal()
			w.clock.Step(90 * time.Second)
			alive := w.Ready("acme")
			w.Standin.Misbehave(row.fault, standin.EchoKey(), standin.EchoURL())
			w.clock.Step(w.until(alive.Status.RenewalTime.Time) + time.Second)
			failing := w.Reaches("acme", v1alpha1.ConditionRenewalFailing, row.reason)
			if failing.Status.URL != alive.Status.URL || failing.Status.LastAttempt == nil {
				t.Errorf("while renewal fails the status is %+v", failing.Status)
			}
		})
	}
}

// TestFailuresWaitLongerEachTime holds the waits of a rejection, across a restart.
func TestFailuresWaitLongerEachTime(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.clock.Stop()
	w.Standin.RevokeKeys(w.Key)
	w.Session("acme")
	w.Reaches("acme", v1alpha1.ConditionReady, v1alpha1.ReasonRejected)
	w.waitForEvents("acme", map[string]int{v1alpha1.ReasonRejected: 1})
	for i, wait := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, time.Hour} {
		if i == 2 {
			w.andPass("acme", w.restart)
		}
		w.clock.Step(wait - 5*time.Second)
		w.waitForRequests(i + 1)
		w.clock.Step(7 * time.Second)
		w.waitForRequests(i + 2)
	}
	w.waitForEvents("acme", map[string]int{v1alpha1.ReasonRejected: 1})
}
