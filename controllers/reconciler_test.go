package controllers

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/dispatch"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

func TestPriorityOf(t *testing.T) {
	t.Parallel()
	now := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	created, asked, expired := now.Add(-time.Hour), now.Add(-time.Minute), now.Add(-time.Second)
	expiringIn := func(life time.Duration) *renewal.Grant {
		return &renewal.Grant{Issued: asked, Expire: now.Add(life)}
	}
	failed := &v1alpha1.Attempt{Time: metav1.NewTime(asked)}
	for why, row := range map[string]struct {
		active  *renewal.Grant
		last    *v1alpha1.Attempt
		cause   renewal.Cause
		expired time.Time
		want    dispatch.Priority
	}{
		"a URL counts until a turn cannot keep it alive any more": {active: expiringIn(time.Minute), want: dispatch.Renewal(now.Add(time.Minute - minUsefulLife))},
		"also after a failure":                       {active: expiringIn(time.Minute), last: failed, want: dispatch.Renewal(now.Add(time.Minute - minUsefulLife))},
		"one in its last moment is as good as none":  {active: expiringIn(minUsefulLife), want: dispatch.FirstIssue(created)},
		"without one the age counts":                 {want: dispatch.FirstIssue(created)},
		"or when it was asked for in vain":           {last: failed, want: dispatch.FirstIssue(asked)},
		"or when the URL was lost, whatever the age": {expired: expired, want: dispatch.FirstIssue(expired)},
		"whichever was last":                         {expired: expired, last: failed, want: dispatch.FirstIssue(expired)},
		"what is not due goes behind what is":        {active: expiringIn(time.Hour), cause: renewal.Requested, want: dispatch.Requested(asked)},
	} {
		session := &v1alpha1.BillingSession{}
		if !row.expired.IsZero() {
			session.Status.ExpirationTime = &metav1.Time{Time: row.expired}
		}
		facts := renewal.Facts{Now: now, Created: created, Last: row.last}
		if got := priorityOf(session, facts, renewal.Plan{Active: row.active, Cause: row.cause}); got != row.want {
			t.Errorf("%s: %v, want %v", why, got, row.want)
		}
	}
}

// A renewal that waits for its turn is looked at for its status' sake only where that has news.
func TestWhoWaitsForATurnIsLookedAtForNews(t *testing.T) {
	for _, row := range []struct {
		why   string
		edit  func(*v1alpha1.BillingSession)
		looks bool
	}{
		{"the status says all", func(*v1alpha1.BillingSession) {}, false},
		{"the status must tell that an edit was seen", func(s *v1alpha1.BillingSession) { s.Generation++ }, true},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := newWaitStage(t)
			s.reconcile()
			session := s.store.sessions[s.name()]
			s.clock.SetTime(session.Status.RenewalTime.Add(time.Second))
			row.edit(session)
			if _, ok := s.r.dispatcher.TryAcquire(types.NamespacedName{Name: "another"}, dispatch.KeyID{}, dispatch.Priority{}); !ok {
				t.Fatal("the only turn cannot be had")
			}
			result, err := s.r.Reconcile(t.Context(), ctrl.Request{NamespacedName: s.name()})
			const afterStatusDelay = 11 * time.Second
			if err != nil || s.r.dispatcher.Len() != 1 || (result.RequeueAfter < afterStatusDelay) != row.looks {
				t.Errorf("looks again after %v while %d wait (%v)", result.RequeueAfter, s.r.dispatcher.Len(), err)
			}
		})
	}
}

// TestWhoTellsThatItWaitsLeavesWorkersToOthers: what can be told later is, while others tell
// such things.
func TestWhoTellsThatItWaitsLeavesWorkersToOthers(t *testing.T) {
	for _, row := range []struct {
		why     string
		wait    func(*waitStage)
		isLater bool
	}{
		{"the URL is alive", func(s *waitStage) { s.clock.Step(11 * time.Second) }, true},
		{"the status shows a dead URL", func(s *waitStage) { s.clock.SetTime(s.store.sessions[s.name()].Status.ExpirationTime.Add(time.Second)) }, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := newWaitStage(t)
			s.reconcile()
			session := s.store.sessions[s.name()]
			s.clock.SetTime(session.Status.RenewalTime.Add(time.Second))
			session.Generation++ // the status must tell that it was seen
			if _, ok := s.r.dispatcher.TryAcquire(types.NamespacedName{Name: "another"}, dispatch.KeyID{}, dispatch.Priority{}); !ok {
				t.Fatal("the only turn cannot be had")
			}
			s.reconcile()
			row.wait(s)
			end, ok := s.r.waitReports.begin()
			if !ok {
				t.Fatal("nobody may tell that it waits")
			}
			isTold := func() bool { return s.store.sessions[s.name()].Status.ObservedGeneration == session.Generation }

			result, err := s.r.Reconcile(t.Context(), ctrl.Request{NamespacedName: s.name()})
			if err != nil || isTold() == row.isLater {
				t.Fatalf("told: %t (%v)", isTold(), err)
			}
			if soon := reportRetry("", 1, s.clock.Now()) + time.Second; row.isLater && result.RequeueAfter > soon {
				t.Errorf("looks again after %v", result.RequeueAfter)
			}
			end()
			s.clock.Step(result.RequeueAfter)
			if s.reconcile(); !isTold() {
				t.Error("it is never told")
			}
		})
	}
}

// TestMostWorkersAreLeftToThoseWhoseTurnHasCome: a quarter may tell that sessions wait.
func TestMostWorkersAreLeftToThoseWhoseTurnHasCome(t *testing.T) {
	for workers, want := range map[int]int{2: 1, 8: 2, 32: 8} {
		w, begun := newWaitReports(workers), 0
		for range workers {
			if _, ok := w.begin(); ok {
				begun++
			}
		}
		if begun != want {
			t.Errorf("%d of %d workers, want %d", begun, workers, want)
		}
	}
}

// TestReportsThatArePutOffAreSpread: all that wait at the same time must not come back together.
func TestReportsThatArePutOffAreSpread(t *testing.T) {
	const waiting = 10000
	inSecond := map[int]int{}
	for i := range waiting {
		inSecond[int(reportRetry(fmt.Sprint("uid-", i), waiting, time.Unix(1_800_000_000, 0)).Seconds())]++
	}
	for second, n := range inSecond {
		if n > 2*reportsPerSecond {
			t.Errorf("%d come back in second %d, want about %d", n, second, reportsPerSecond)
		}
	}
}
