package integration

import (
	"fmt"
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
	for _, kind := range []struct {
		name      string
		hasSecret bool // which lacks the entry
		restarts  bool // of the controller, before each look
	}{
		{"there is no Secret", false, false},
		{"the Secret has no such entry", true, false},
		{"the controller starts anew each time", false, true},
	} {
		for _, after := range []time.Duration{time.Second, time.Minute, 119 * time.Second, 5 * time.Minute} {
			t.Run(fmt.Sprintf("%s, after %s", kind.name, after), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.clock.Stop()
				w.clock.SetTime(time.Now()) // the API server says when a session was created
				if kind.hasSecret {
					w.Create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "key"}})
				}
				w.run()
				created := w.Session("acme").CreationTimestamp
				for _, age := range []time.Duration{time.Second, time.Minute, 119 * time.Second, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute} {
					if age > after {
						break
					}
					if kind.restarts {
						w.controller.stop()
					}
					w.clock.SetTime(created.Add(age))
					if kind.restarts {
						w.run()
					}
					w.expectMissingKey(age)
				}
				w.GiveKey("key", w.Key)
				w.Ready("acme")
				w.waitForRequests(1)
				told := map[string]int{v1alpha1.ReasonIssued: 1}
				if after >= 2*time.Minute {
					told[v1alpha1.ReasonKeySecretMissing] = 1
				}
				w.waitForEvents("acme", told)
			})
		}
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
