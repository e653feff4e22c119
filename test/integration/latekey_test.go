package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// TestKeyThatComesLate has a key come some time after its session, as sync waves and external
// secret stores bring it: until two minutes have passed nobody is warned, and then once.
func TestKeyThatComesLate(t *testing.T) {
	t.Parallel()
	for _, restarts := range []bool{false, true} {
		t.Run(fmt.Sprintf("the controller starts anew each time: %t", restarts), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.clock.Stop()
			w.clock.SetTime(time.Now()) // the API server says when a session was created
			w.run()
			created := w.Session("acme").CreationTimestamp
			told := map[string]int{}
			for _, age := range []time.Duration{119 * time.Second, 2 * time.Minute, 5 * time.Minute} {
				if restarts {
					w.controller.stop()
				}
				w.clock.SetTime(created.Add(age))
				if restarts {
					w.run()
				}
				condition := v1alpha1.ConditionReconciling
				if age >= 2*time.Minute {
					condition, told = v1alpha1.ConditionStalled, map[string]int{v1alpha1.ReasonKeySecretMissing: 1}
				}
				w.Reaches("acme", condition, v1alpha1.ReasonKeySecretMissing)
				w.rest()
				w.waitForEvents("acme", told)
			}
			w.GiveKey("key", w.Key)
			w.Ready("acme")
			w.waitForRequests(1)
			w.waitForEvents("acme", map[string]int{v1alpha1.ReasonKeySecretMissing: 1, v1alpha1.ReasonIssued: 1})
		})
	}
}

// TestKeyThatGoesAndComesBack: a URL that is alive works on without it, and who was warned is told
// that it is over.
func TestKeyThatGoesAndComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.SetTime(time.Now())
	w.GiveKey("key", w.Key)
	w.run()
	w.issued("acme")
	w.staysReady("acme")
	w.Delete(w.Secret("key"))
	w.Reaches("acme", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonKeySecretMissing)
	w.clock.Step(5 * time.Minute)
	w.rest()
	w.GiveKey("key", w.Key)
	w.Reaches("acme", v1alpha1.ConditionRenewalFailing, "")
	w.waitForRequests(1)
	w.waitForEvents("acme", map[string]int{v1alpha1.ReasonIssued: 1, v1alpha1.ReasonKeySecretMissing: 1, v1alpha1.ReasonRecovered: 1})
}
