package integration

import (
	"fmt"
	"testing"
	"time"

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
	for i := range 6 {
		w.Reaches(fmt.Sprintf("acme-%d", i), v1alpha1.ConditionReconciling, v1alpha1.ReasonThrottled)
	}
	w.waitForRequests(1)
	w.andPass("acme-0", w.restart)
	w.clock.Step(time.Minute)
	w.rest()
	if got := w.Standin.Total(); got > 2 {
		t.Errorf("%d requests after a restart, want 2 at most", got)
	}
}
