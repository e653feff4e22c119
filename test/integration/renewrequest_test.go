package integration

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

func TestRenewTokenIsAnsweredOnceByAGrant(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	first := w.issued("acme")
	w.passFloor()
	w.RequestRenewal("acme", "one")
	second := w.waitForNewURL("acme", first.Status.URL)
	w.waitForHandled("acme", "one")
	w.passFloor()
	w.andPass("acme", w.restart)
	w.andPass("acme", func() { w.poke("acme") })
	w.waitForRequests(2)
	w.RequestRenewal("acme", "two")
	w.waitForNewURL("acme", second)
	w.waitForHandled("acme", "two")
	w.waitForRequests(3)
}

func (w *world) waitForHandled(name, token string) {
	w.T.Helper()
	w.Eventually("the renew token is noted", func() string { return cmp.Diff(token, w.Get(name).Status.LastHandledRenewRequest) })
}

// TestRenewTokenIsAnsweredByAGrantOrARejection: until then it stays pending, and it does not cut a pause.
func TestRenewTokenIsAnsweredByAGrantOrARejection(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		fault            standin.Fault
		reason, answered string
		wait             time.Duration // in which nothing more is asked
		next             string        // token, which a grant answers
	}{
		{standin.Status(403), v1alpha1.ReasonRejected, "one", 50 * time.Second, "two"},
		{standin.Status(500), v1alpha1.ReasonUnavailable, "", 9 * time.Second, "one"},
		{standin.Throttle(10 * time.Minute), v1alpha1.ReasonThrottled, "", 9 * time.Minute, "two"},
	} {
		t.Run(row.reason, func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			first := w.issued("acme")
			w.passFloor()
			w.clock.Stop()
			w.Standin.Misbehave(row.fault)
			w.RequestRenewal("acme", "one")
			failing := w.Reaches("acme", v1alpha1.ConditionRenewalFailing, row.reason)
			if got := failing.Status.LastHandledRenewRequest; got != row.answered {
				t.Errorf("noted as handled: %q", got)
			}
			if got := w.URLIn("acme"); got != first.Status.URL {
				t.Errorf("a failure took the URL that is alive")
			}
			w.rest()
			w.clock.Step(row.wait)
			w.waitForRequests(2)
			w.Standin.Heal()
			if row.next != "one" {
				w.andPass("acme", func() { w.RequestRenewal("acme", row.next) })
			}
			if row.reason == v1alpha1.ReasonThrottled {
				w.waitForRequests(2)
			}
			w.clock.Step(2 * time.Minute)
			w.waitForNewURL("acme", first.Status.URL)
			w.waitForHandled("acme", row.next)
			w.Reaches("acme", v1alpha1.ConditionRenewalFailing, "")
			w.waitForRequests(3)
		})
	}
}

// TestNobodyMakesASessionAskTwiceInTenSeconds changes everything at once that
// spends a request.
func TestNobodyMakesASessionAskTwiceInTenSeconds(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.issued("acme")
	lives := int32(3600)
	for i := range 5 {
		w.RequestRenewal("acme", string(rune('a'+i)))
		lives++
		w.edit("acme", builders.Expiration(lives))
		w.GiveKey("key", w.Key)
		w.clock.Step(4 * time.Second)
		w.rest()
	}
	w.clock.Step(11 * time.Second)
	w.rest()
	asked := w.Standin.Log()
	for i := 1; i < len(asked); i++ {
		if apart := asked[i].Time.Sub(asked[i-1].Time); apart < 9900*time.Millisecond {
			t.Errorf("requests %d and %d are %s apart", i-1, i, apart)
		}
	}
	if len(asked) < 3 {
		t.Errorf("%d requests: not asked when the floor was over", len(asked))
	}
	w.Ready("acme")
}
