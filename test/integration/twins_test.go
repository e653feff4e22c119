package integration

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// shownOnly hides sessions from the controller until they have a label.
var shownOnly = labels.SelectorFromSet(labels.Set{"shown": "yes"})

// TestOlderTwinThatComesLate has the younger session ask before the controller learns of the
// older one.
func TestOlderTwinThatComesLate(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name        string
		prepare     func(*world) // before the younger one asks
		isDeleted   bool         // the younger one, while it asks
		requests    int
		youngerWins bool
	}{
		{"the younger one is answered", func(*world) {}, false, 2, true},
		{"the younger one's answer cannot be written at once", func(w *world) {
			left := 3
			w.calls.fail(func(c call) error {
				if _, ok := c.object.(*corev1.Secret); ok && c.verb == "create" && left > 0 {
					left--
					return apierrors.NewInternalError(errors.New("etcd is slow"))
				}
				return nil
			}, nil)
		}, false, 2, false},
		{"the younger one is refused", func(w *world) { w.Standin.Misbehave(standin.Times(1, standin.Status(500))) }, false, 2, false},
		{"the younger one is deleted", func(*world) {}, true, 2, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.GiveKey("key", w.Key)
			w.options.SessionSelector = shownOnly
			w.run()
			older, younger := w.olderAndYounger("shared")
			row.prepare(w)
			release := w.Standin.Hold()
			w.edit(younger, builders.Labelled("shown", "yes"))
			w.WaitForRequestsUnderWay(1)
			w.seenBy(older, func() { w.edit(older, builders.Labelled("shown", "yes")) })
			if row.isDeleted {
				w.seenBy(older, func() { w.Delete(w.Get(younger)) })
			}
			release()
			for range 20 {
				w.clock.Step(2 * time.Second)
				w.rest()
			}
			winner, loser := older, younger
			if row.youngerWins {
				winner, loser = younger, older
			}
			w.Ready(winner)
			if spent := w.Standin.Total(); spent > row.requests {
				t.Errorf("%d requests, want at most %d", spent, row.requests)
			}
			if !row.isDeleted {
				w.Reaches(loser, v1alpha1.ConditionStalled, v1alpha1.ReasonSecretConflict)
			}
			if diff := cmp.Diff([]types.UID{w.Get(winner).UID}, ownersOf(w.Secret("shared"))); diff != "" {
				t.Errorf("the Secret's owner (-want +got):\n%s", diff)
			}
			if told := w.told(winner); told[v1alpha1.ReasonIssued] != 1 || told[v1alpha1.ReasonSecretConflict] > 0 {
				t.Errorf("what the winner is told: %v", told)
			}
		})
	}
}

// olderAndYounger creates two sessions for one Secret, which no controller sees yet.
func (w *world) olderAndYounger(secretName string) (older, younger string) {
	w.T.Helper()
	differences := []func(*v1alpha1.BillingSession){builders.Expiration(86400), builders.SecretName(secretName)}
	a, b := w.Session("a", differences...), w.Session("b", differences...)
	if a.CreationTimestamp.Equal(&b.CreationTimestamp) && b.UID < a.UID {
		return "b", "a"
	}
	return "a", "b"
}
