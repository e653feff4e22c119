//go:build long

package manager

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
)

// minServed is how long a manager serves before it ends to serve one namespace more.
const minServed = 10 * time.Minute

// TestAnOpenedNamespaceIsServedByARestart opens a namespace that was closed when the manager
// started. The manager ends once it has served for ten minutes, and not before.
func TestAnOpenedNamespaceIsServedByARestart(t *testing.T) {
	t.Parallel()
	for _, row := range closedNamespaces {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newTenants(t)
			w.Session("acme")
			row.closed(w)
			started := time.Now()
			manager := w.supervise(w.args()...)
			w.Ready("acme")
			row.open(w)
			env.EventuallyWithin(t, minServed+env.Patience, "the opened namespace is served", func() string {
				session := w.other.Get("acme")
				return env.Unless(meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady), "not yet")
			})
			served := time.Since(started)
			t.Logf("served %s after the start", served.Round(time.Second))
			if n := manager.restarts(); n != 1 || served < minServed {
				t.Errorf("started again %d times in %s", n, served)
			}
			if !manager.said("can be watched now; the process ends to begin anew with it") {
				t.Error("it does not say why it ended")
			}
			w.watched(w.other.Namespace, 1)
			// The first session's URL, which lives for ten minutes, is renewed meanwhile.
			if got := w.Standin.Total(); got > 4 {
				t.Errorf("%d requests, want one for each session and one or two renewals", got)
			}
		})
	}
}
