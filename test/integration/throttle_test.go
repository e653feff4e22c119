package integration

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

func TestPauseIsSharedByAllSessionsWithTheKey(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.giveAnotherKey("other", "other")
	w.Standin.MisbehaveFor(w.Key, standin.Throttle(5*time.Minute))
	var names []string
	for i := range 8 {
		names = append(names, fmt.Sprintf("acme-%d", i))
		w.Session(names[i])
	}
	w.Session("other-group", builders.KeySecret("other"), builders.Expiration(86400))
	for _, name := range names {
		throttled := w.Reaches(name, v1alpha1.ConditionReconciling, v1alpha1.ReasonThrottled)
		if message := throttled.Status.Conditions[0].Message; message == "" {
			t.Errorf("%s does not say why it waits", name)
		}
	}
	w.Ready("other-group")
	w.waitForRequests(2)
	w.clock.Step(4 * time.Minute)
	w.waitForRequests(2)

	// Once over, the pause is found to go on at the cost of one request, …
	w.clock.Step(61 * time.Second)
	w.waitForRequests(3)
	w.Standin.Heal()
	// … and when it is over indeed, one goes ahead of the rest.
	w.clock.Step(5*time.Minute + time.Second)
	for _, name := range names {
		w.Ready(name)
	}
	w.waitForRequests(3 + len(names))
}

func TestRestartFindsAPauseAtTheCostOfOneRequestForEachKey(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.Standin.Misbehave(standin.Throttle(30 * time.Minute))
	for i := range 6 {
		w.Session(fmt.Sprintf("acme-%d", i))
	}
	w.Eventually("all wait", func() string {
		for i := range 6 {
			if w.Get(fmt.Sprintf("acme-%d", i)).Status.ObservedGeneration < 0 {
				return fmt.Sprint(i)
			}
		}
		return ""
	})
	w.waitForRequests(1)
	w.andPass("acme-0", w.restart)
	w.clock.Step(time.Minute)
	w.rest()
	if got := w.Standin.Total(); got > 2 {
		t.Errorf("%d requests after a restart, want 2 at most", got)
	}
}

// TestWaitingForATurnChangesNothingThatIsTold: with the limit used up a session
// waits for its next attempt, and its trouble is not over by that.
func TestWaitingForATurnChangesNothingThatIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.GiveKey("key", w.Key)
	w.options.Concurrency = 1
	w.run()
	second := w.giveAnotherKey("second", "second")
	w.giveAnotherKey("third", "third")
	alive := w.issued("alive", builders.Expiration(3600))
	w.Standin.MisbehaveFor(w.Key, standin.Status(500))
	w.Standin.MisbehaveFor(second, standin.Status(403))
	w.Session("rejected", builders.KeySecret("second"))
	w.Reaches("rejected", v1alpha1.ConditionStalled, v1alpha1.ReasonRejected)
	w.clock.Step(w.until(alive.Status.RenewalTime.Time) + time.Second)
	w.Reaches("alive", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonUnavailable)
	w.rest()

	release := w.Standin.Hold() // of the only request that may be under way
	w.Session("busy", builders.KeySecret("third"))
	w.WaitForRequestsUnderWay(1)
	told := []int{len(w.told("alive")), len(w.told("rejected"))}
	w.clock.Step(10 * time.Minute) // both would ask now
	w.restBesidesOneRequest("alive", "rejected")
	if c := meta.FindStatusCondition(w.Get("alive").Status.Conditions, v1alpha1.ConditionRenewalFailing); c == nil {
		t.Errorf("a renewal that fails is taken for mended")
	}
	if c := meta.FindStatusCondition(w.Get("rejected").Status.Conditions, v1alpha1.ConditionStalled); c == nil || c.Reason != v1alpha1.ReasonRejected {
		t.Errorf("a rejection is taken for mended: %+v", c)
	}
	if now := []int{len(w.told("alive")), len(w.told("rejected"))}; fmt.Sprint(now) != fmt.Sprint(told) {
		t.Errorf("events while waiting: %v, before %v", now, told)
	}
	// A URL that expires meanwhile leaves the status.
	w.clock.Step(w.until(alive.Status.ExpirationTime.Time) + time.Second)
	w.Reaches("alive", v1alpha1.ConditionReady, v1alpha1.ReasonExpired)
	release()
	w.Ready("busy")
}

// restBesidesOneRequest waits until sessions were looked at and nothing more is to be done, while a
// worker waits for the endpoint.
func (w *world) restBesidesOneRequest(names ...string) {
	w.T.Helper()
	looks, last := 0, ""
	w.Eventually("rest", func() string {
		now := ""
		for _, name := range names {
			now += w.Get(name).ResourceVersion + " "
		}
		w.passes.mu.Lock()
		quiet := w.passes.busy <= 1 && w.passes.queue.Len() == 0
		w.passes.mu.Unlock()
		if looks++; now != last || !quiet {
			looks, last = 0, now
		}
		if looks > 20 {
			return ""
		}
		return "at work"
	})
}
