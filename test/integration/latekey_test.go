package integration

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// TestKeyThatComesLate has a key come some time after its session, as sync waves and external
// secret stores bring it: until two minutes have passed nobody is warned, and then once.
func TestKeyThatComesLate(t *testing.T) {
	t.Parallel()
	const warned = 2 * time.Minute
	for _, row := range []struct {
		name      string
		hasSecret bool // which lacks the entry
		restarts  bool // of the controller, before each look
		looks     []time.Duration
	}{
		{"in time", false, false, []time.Duration{time.Second, 119 * time.Second}},
		{"after the warning", false, false, []time.Duration{119 * time.Second, warned, 5 * time.Minute}},
		{"the Secret has no such entry", true, false, []time.Duration{119 * time.Second, warned}},
		{"the controller starts anew each time", false, true, []time.Duration{119 * time.Second, warned, 5 * time.Minute}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.clock.Stop()
			w.clock.SetTime(time.Now()) // the API server says when a session was created
			if row.hasSecret {
				w.Create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "key"}})
			}
			w.run()
			created := w.Session("acme").CreationTimestamp
			told := map[string]int{v1alpha1.ReasonIssued: 1}
			for _, age := range row.looks {
				if age >= warned {
					told[v1alpha1.ReasonKeySecretMissing] = 1
				}
				if row.restarts {
					w.controller.stop()
				}
				w.clock.SetTime(created.Add(age))
				if row.restarts {
					w.run()
				}
				w.expectMissingKey(age)
			}
			w.GiveKey("key", w.Key)
			w.Ready("acme")
			w.waitForRequests(1)
			w.waitForEvents("acme", told)
		})
	}
}

// expectMissingKey waits for what a session of that age says of a key that is missing.
func (w *world) expectMissingKey(age time.Duration) {
	w.T.Helper()
	kind, other, told := v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, map[string]int{}
	if age >= 2*time.Minute {
		kind, other, told = other, kind, map[string]int{v1alpha1.ReasonKeySecretMissing: 1}
	}
	session := w.Reaches("acme", kind, v1alpha1.ReasonKeySecretMissing)
	w.rest()
	if meta.FindStatusCondition(session.Status.Conditions, other) != nil {
		w.T.Errorf("after %s it is %s as well", age, other)
	}
	w.waitForEvents("acme", told)
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
