package controllers

import (
	"context"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/dispatch"
	"github.com/xtracta/billing-operator/controllers/endpoint"
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

// TestReportsThatCanWaitLeaveWorkersToOthers: whatever changes the statuses of many at once.
func TestReportsThatCanWaitLeaveWorkersToOthers(t *testing.T) {
	busy := func(s *waitStage) {
		s.clock.SetTime(s.store.sessions[s.name()].Status.RenewalTime.Add(time.Second))
		if _, ok := s.r.dispatcher.TryAcquire(types.NamespacedName{Name: "another"}, dispatch.KeyID{}, dispatch.Priority{}); !ok {
			s.t.Fatal("the only turn cannot be had")
		}
		s.reconcile()
	}
	for _, row := range []struct {
		why     string
		happen  func(*waitStage)
		isLater bool
	}{
		{"it waits for its turn", func(s *waitStage) { busy(s); s.clock.Step(11 * time.Second) }, true},
		{"its key is gone", func(s *waitStage) { delete(s.store.secrets, types.NamespacedName{Namespace: "finance", Name: "key"}) }, true},
		{"it is suspended", func(s *waitStage) { s.store.sessions[s.name()].Spec.Suspend = true }, true},
		{"the status shows a dead URL", func(s *waitStage) {
			busy(s)
			s.clock.SetTime(s.store.sessions[s.name()].Status.ExpirationTime.Add(time.Second))
		}, false},
		{"it was renewed", func(s *waitStage) {
			s.clock.SetTime(s.store.sessions[s.name()].Status.RenewalTime.Add(time.Second))
		}, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := newWaitStage(t)
			s.reconcile()
			generation := s.store.sessions[s.name()].Generation + 1
			row.happen(s)
			s.store.sessions[s.name()].Generation = generation // the status must tell that it was seen
			end, ok := s.r.reports.begin()
			if !ok {
				t.Fatal("nobody may write a status")
			}
			isTold := func() bool { return s.store.sessions[s.name()].Status.ObservedGeneration == generation }

			result, err := s.r.Reconcile(t.Context(), ctrl.Request{NamespacedName: s.name()})
			if err != nil || isTold() == row.isLater {
				t.Fatalf("told: %t (%v)", isTold(), err)
			}
			if row.isLater && result.RequeueAfter > maxWaiting {
				t.Errorf("looks again after %v", result.RequeueAfter)
			}
			end()
			woken := s.woken()
			s.pass(types.NamespacedName{Name: "another"})
			if isWoken := len(*woken) == 1; isWoken != row.isLater {
				t.Errorf("the next pass of another session wakes %v", *woken)
			}
			if s.reconcile(); !isTold() {
				t.Error("it is never told")
			}
		})
	}
}

// TestOneThatWaitsInVainHoldsUpNobody: a session that is woken may be gone, or have nothing to
// do any more.
func TestOneThatWaitsInVainHoldsUpNobody(t *testing.T) {
	s := newWaitStage(t)
	woken := s.woken()
	for _, name := range []string{"gone", "next"} {
		s.r.calls.waitFor(name+" for a call", ofFinance)
		s.r.reports.wait(types.NamespacedName{Name: name + " for a status"})
	}
	s.pass(types.NamespacedName{Name: "another"})
	s.pass(types.NamespacedName{Name: "gone for a call"})
	if want := []string{"gone for a call", "next for a call", "gone for a status", "next for a status"}; !slices.Equal(*woken, want) {
		t.Errorf("%q are woken, want %q", *woken, want)
	}
}

// TestWhoCannotCallIsWoken once there is room.
func TestWhoCannotCallIsWoken(t *testing.T) {
	s := newWaitStage(t)
	woken := s.woken()
	if wait := s.r.waitForCall(s.name(), busyError{ofFinance}); wait != maxWaiting {
		t.Errorf("waits %v for room", wait)
	}
	if s.r.passEnds(s.name()); !slices.Equal(*woken, []string{s.name().Name}) {
		t.Errorf("%v are woken", *woken)
	}
}

// TestWhoIsWokenForACallMakesIt, and nobody else in its place.
func TestWhoIsWokenForACallMakesIt(t *testing.T) {
	s := newWaitStage(t)
	end := s.r.calls.occupyAll(writesIn("hangs"))
	s.r.calls.mark(groupName{"finance", readCall}, true)
	if s.reconcile(); s.isIssued() {
		t.Fatal("a URL is issued though the key cannot be read")
	}
	woken := s.woken()
	if end(); !slices.Equal(*woken, []string{s.name().Name}) {
		t.Errorf("%v are woken", *woken)
	}
	s.r.endpoint = grantsThen{s.r.endpoint, func() {
		if len(s.r.calls.kept) > 0 {
			t.Error("the place is kept during the request")
		}
	}}
	if s.reconcile(); !s.isIssued() {
		t.Error("no URL is issued")
	}
}

// TestNobodyWaitsForAWakeDuringItsPass: the place would be kept until that has ended.
func TestNobodyWaitsForAWakeDuringItsPass(t *testing.T) {
	s := newWaitStage(t)
	s.r.calls.occupyAll(writesIn("hangs"))
	statuses := groupName{"finance", statusWrite}
	s.r.calls.mark(statuses, true)
	s.r.calls.passBegins(s.name())
	s.r.calls.wait(s.name(), statuses)
	s.r.calls.passEnds(s.name())
	if len(s.r.calls.waits) != 1 {
		t.Fatal("it does not wait")
	}
	s.r.endpoint = grantsThen{s.r.endpoint, func() {
		if len(s.r.calls.waits) > 0 {
			t.Error("it waits during its pass")
		}
	}}
	s.reconcile()
	if len(s.r.calls.waits) != 1 {
		t.Error("it does not wait again, though its status cannot be written")
	}
}

// TestWhatIsGrantedIsStoredThoughTheProcessStops, however many calls are under way: nobody comes
// back for it.
func TestWhatIsGrantedIsStoredThoughTheProcessStops(t *testing.T) {
	s := newWaitStage(t)
	process, stop := context.WithCancel(t.Context())
	s.r.endpoint = grantsThen{s.r.endpoint, func() {
		s.r.calls.occupyAll(ofFinance)
		stop()
	}}
	if _, err := s.r.Reconcile(process, ctrl.Request{NamespacedName: s.name()}); err != nil || !s.isIssued() {
		t.Errorf("a URL is issued: %t (%v)", s.isIssued(), err)
	}
}

// grantsThen does something with each grant.
type grantsThen struct {
	Endpoint
	then func()
}

func (g grantsThen) IssueURL(ctx context.Context, r endpoint.Request) (endpoint.Grant, error) {
	defer g.then()
	return g.Endpoint.IssueURL(ctx, r)
}

// isIssued reports whether the status says that there is a URL.
func (s *waitStage) isIssued() bool { return s.store.sessions[s.name()].Status.ExpirationTime != nil }

// woken is who is woken from now on.
func (s *waitStage) woken() (names *[]string) {
	names = &[]string{}
	wake := func(session types.NamespacedName) { *names = append(*names, session.Name) }
	s.r.calls.wake, s.r.reports.wake = wake, wake
	return names
}

// TestMostWorkersAreLeftToWhatCannotWait: a sixth may write statuses that can.
func TestMostWorkersAreLeftToWhatCannotWait(t *testing.T) {
	t.Parallel()
	for concurrency, want := range map[int]int{1: 1, 2: 1, 8: 4, 16: 8} {
		o, begun := Options{Concurrency: concurrency}, 0
		r := newReports(o.reportsAtOnce(), nil)
		for range o.workers() {
			if _, ok := r.begin(); ok {
				begun++
			}
		}
		if begun != want {
			t.Errorf("%d of %d workers begin, want %d", begun, o.workers(), want)
		}
	}
}

// TestSomeWorkersAreLeftWhateverIsSlow: the endpoint and the API server may be at the same time.
func TestSomeWorkersAreLeftWhateverIsSlow(t *testing.T) {
	t.Parallel()
	for concurrency := 1; concurrency <= 64; concurrency++ {
		o := Options{Concurrency: concurrency}
		if left := o.workers() - concurrency - o.sharedCalls(); left < 1 || o.sharedCalls() < 1 {
			t.Errorf("--concurrency %d leaves %d of %d workers, and %d calls", concurrency, left, o.workers(), o.sharedCalls())
		}
	}
}
