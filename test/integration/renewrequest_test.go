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

func TestRenewTokenIsAnsweredByARejection(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	first := w.issued("acme")
	w.passFloor()
	w.clock.Stop()
	w.Standin.RevokeKeys(w.Key)
	w.RequestRenewal("acme", "one")
	w.waitForHandled("acme", "one")
	w.rest()
	w.clock.Step(50 * time.Second)
	w.waitForRequests(2)
	if got := w.URLIn("acme"); got != first.Status.URL {
		t.Errorf("a rejection took the URL that is alive")
	}
}

func TestRenewTokenStaysPendingUntilItIsAnswered(t *testing.T) {
	t.Parallel()
	t.Run("unavailable", func(t *testing.T) {
		t.Parallel()
		w := newRunningWorld(t)
		first := w.issued("acme")
		w.passFloor()
		w.clock.Stop()
		w.Standin.Misbehave(standin.Status(500))
		w.RequestRenewal("acme", "one")
		w.Reaches("acme", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonUnavailable)
		if got := w.Get("acme").Status.LastHandledRenewRequest; got != "" {
			t.Errorf("noted as handled: %q", got)
		}
		w.waitForRequests(2)
		w.Standin.Heal()
		w.clock.Step(15 * time.Second)
		w.waitForNewURL("acme", first.Status.URL)
		w.waitForHandled("acme", "one")
		w.waitForRequests(3)
	})
	t.Run("throttled", func(t *testing.T) {
		t.Parallel()
		w := newRunningWorld(t)
		first := w.issued("acme")
		w.passFloor()
		w.Standin.Misbehave(standin.Throttle(10 * time.Minute))
		w.RequestRenewal("acme", "one")
		w.Reaches("acme", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonThrottled)
		w.Standin.Heal()
		w.passFloor()
		w.andPass("acme", func() { w.RequestRenewal("acme", "two") })
		w.clock.Step(5 * time.Minute)
		w.waitForRequests(2) // a token does not cut a pause
		w.clock.Step(6 * time.Minute)
		w.waitForNewURL("acme", first.Status.URL)
		w.waitForHandled("acme", "two")
		w.Reaches("acme", v1alpha1.ConditionRenewalFailing, "")
		w.waitForRequests(3)
	})
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
