package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// TestTwinsSpendFewRequestsBetweenThem shows the controller sessions that claim one Secret at the
// same time, in random order, while the endpoint is slow.
func TestTwinsSpendFewRequestsBetweenThem(t *testing.T) {
	t.Parallel()
	const names, twins = 8, 3
	w := newWorld(t)
	w.options.Concurrency = 2 * names // one key has half of the slots
	w.options.SessionSelector = shownOnly
	w.GiveKey("key", w.Key)
	w.run()
	var twinNames []string
	for i := range names {
		for j := range twins {
			w.Session(twinName(i, j), builders.Expiration(86400), builders.SecretName(sharedName(i)))
			twinNames = append(twinNames, twinName(i, j))
		}
	}
	rand.Shuffle(len(twinNames), func(i, j int) { twinNames[i], twinNames[j] = twinNames[j], twinNames[i] })
	release := w.Standin.Hold()
	var shown sync.WaitGroup
	for _, name := range twinNames {
		shown.Go(func() {
			session := &v1alpha1.BillingSession{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: name}}
			label := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"shown":"yes"}}}`))
			if err := w.Client.Patch(t.Context(), session, label); err != nil {
				t.Error(err)
			}
		})
	}
	shown.Wait()
	w.Eventually("all were looked at, and one of each asks", func() string {
		looked := 0
		for i := range names {
			for j := range twins {
				looked += min(w.passes.of(reconcile.Request{NamespacedName: w.At(twinName(i, j))}), 1)
			}
		}
		if asked := w.Standin.Total(); asked+looked < names*twins {
			return fmt.Sprintf("%d ask, %d do not", asked, looked)
		}
		return ""
	})
	release()
	for i := range names {
		w.waitForOneOfThem(i, twins)
	}
	w.rest()
	spent := w.Standin.Total()
	if spent > 2*names {
		t.Errorf("%d requests, want one for each Secret, and two at most", spent)
	}
	w.clock.Step(time.Hour)
	w.waitForRequests(spent)
	for i := range names {
		w.waitForOneOfThem(i, twins)
	}
}

// shownOnly hides sessions from the controller until they have a label.
var shownOnly = labels.SelectorFromSet(labels.Set{"shown": "yes"})

func sharedName(i int) string  { return fmt.Sprintf("shared-%d", i) }
func twinName(i, j int) string { return fmt.Sprintf("twin-%d-%d", i, j) }

// waitForOneOfThem waits until one session is ready, the other ones have lost, and the Secret
// is the ready one's.
func (w *world) waitForOneOfThem(i, twins int) {
	w.T.Helper()
	w.Eventually("one of "+sharedName(i), func() string {
		var ready []*v1alpha1.BillingSession
		lost := 0
		for j := range twins {
			session := w.Get(twinName(i, j))
			if meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady) {
				ready = append(ready, session)
			}
			if c := meta.FindStatusCondition(session.Status.Conditions, v1alpha1.ConditionStalled); c != nil && c.Reason == v1alpha1.ReasonSecretConflict {
				lost++
			}
		}
		if len(ready) != 1 || lost != twins-1 {
			return fmt.Sprintf("%d are ready and %d have lost", len(ready), lost)
		}
		if owners := ownersOf(w.Secret(sharedName(i))); len(owners) != 1 || owners[0] != ready[0].UID {
			return "the Secret is another's"
		}
		return ""
	})
}

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
