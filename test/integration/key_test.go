package integration

import (
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// TestForbiddenKeyIsLookedAtAgainEachMinute: a permission that is given later shows
// in no watch.
func TestForbiddenKeyIsLookedAtAgainEachMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.GiveKey("key", w.Key)
	w.calls.fail(func(c call) error {
		if c.verb == "get" {
			return apierrors.NewForbidden(secrets, "key", errors.New("no permission"))
		}
		return nil
	}, nil)
	w.run()
	w.Session("acme")
	w.Reaches("acme", v1alpha1.ConditionStalled, v1alpha1.ReasonKeySecretForbidden)
	w.rest()
	w.calls.fail(nil, nil)
	w.clock.Step(time.Minute + time.Second)
	w.Ready("acme")
}

// TestGrantedURLIsNoKey: a reference to a generated Secret is a slip of the pen, which would
// send a URL that works as a password to the endpoint, again with each renewal.
func TestGrantedURLIsNoKey(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.issued("acme")
	w.Session("slip", builders.KeySecret("acme"), builders.KeyEntry(v1alpha1.SecretKeyURL))
	stalled := w.Reaches("slip", v1alpha1.ConditionStalled, v1alpha1.ReasonKeyInvalid)
	if message := meta.FindStatusCondition(stalled.Status.Conditions, v1alpha1.ConditionStalled).Message; !strings.Contains(message, "spec.apiKeySecretRef.name") {
		t.Errorf("the cure is not named: %s", message)
	}
	w.waitForRequests(1)
}

// TestKeyIsReplacedDuringARequest has the old key answered after the new one is there. What the
// answer says of the old key must not hold up the new one, and the same value is not a new key.
func TestKeyIsReplacedDuringARequest(t *testing.T) {
	t.Parallel()
	another := env.KeyOf("another")
	change := func(w *world) { w.GiveKey("key", another) }
	recreate := func(value func(*world) string) func(*world) {
		return func(w *world) {
			w.seenBy("witness", func() { w.Delete(w.Secret("key")) })
			w.GiveKey("key", value(w))
		}
	}
	sameValue := recreate(func(w *world) string { return w.Key })
	for _, row := range []struct {
		name, why string
		answer    standin.Fault // to the old key; none grants a URL
		replace   func(*world)
		requests  int // with the new key
	}{
		{"the old key is granted a URL", "it opens another group's page", standin.Fault{}, change, 1},
		{"the old key is rejected", "a rejection waits for a change, and this is one", standin.Status(403), change, 1},
		{"the old key is throttled", "the pause is the old key's", standin.Throttle(5 * time.Minute), change, 1},
		{"the endpoint fails", "changed inputs end the wait", standin.Status(500), change, 1},
		{"the Secret is another one", "another UID and another key", standin.Fault{}, recreate(func(*world) string { return another }), 1},
		{"the Secret is another one of the same value", "the URL is of the same key", standin.Fault{}, sameValue, 0},
		{"a rejected key comes again", "nothing was corrected", standin.Status(403), sameValue, 0},
		{"a throttled key comes again", "nothing shortens a pause of the same key", standin.Throttle(5 * time.Minute), sameValue, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			w.anotherKey("another")
			first := w.issued("acme")
			w.withWitness()
			w.passFloor()
			w.clock.Stop() // the ten seconds do not pass by themselves
			w.Standin.MisbehaveFor(w.Key, row.answer)
			release := w.Standin.Hold()
			w.RequestRenewal("acme", "now")
			w.WaitForRequestsUnderWay(1)
			w.seenBy("witness", func() { row.replace(w) })
			release()
			w.waitForRequests(2)
			url := first.Status.URL
			if grants := w.Standin.Grants(w.Key); row.answer.String() == "" {
				url = grants[1].URL
			}
			w.waitForURL("acme", url)
			if row.requests > 0 {
				w.Reaches("acme", v1alpha1.ConditionReconciling, v1alpha1.ReasonInputsChanged)
			}
			w.passFloor()
			w.waitForRequests(2 + row.requests)
			if row.requests > 0 {
				url = w.Standin.Grants(another)[0].URL
			}
			w.waitForURL("acme", url)
			w.Ready("acme")
		})
	}
}

// withWitness creates a session that shows when the caches have seen a change of the key: it is
// looked at while another one's request is under way.
func (w *world) withWitness() {
	w.T.Helper()
	w.Session("witness", builders.Suspended())
	w.Reaches("witness", v1alpha1.ConditionReady, v1alpha1.ReasonSuspended)
}
