package controllers

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/dispatch"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/test/env/builders"
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

// TestWhatIsGrantedIsStored although the process stops while there is no place to go on in: nobody
// would come back for it. Otherwise the session is parked, and the grant is kept.
func TestWhatIsGrantedIsStored(t *testing.T) {
	for _, stops := range []bool{true, false} {
		t.Run(fmt.Sprintf("the process stops: %t", stops), func(t *testing.T) {
			s := newStage(t)
			s.queue()
			process, stop := context.WithCancel(t.Context())
			defer stop()
			s.r.bulkhead.free = 0
			s.endpoint.onRequest = func() error {
				if stops {
					stop()
				}
				return nil
			}
			if _, err := s.r.Reconcile(process, ctrl.Request{NamespacedName: acme}); err != nil || s.isIssued() != stops {
				t.Errorf("a URL is issued: %t (%v)", s.isIssued(), err)
			}
			s.r.bulkhead.free = 2
			if s.reconcile(); !s.isIssued() {
				t.Error("the grant is lost")
			}
		})
	}
}

// TestATurnIsForTheRequestOnly: without a place a pass makes no other call, which could hang and hold
// the turn. The turn is given back, and the pass made once there is a place.
func TestATurnIsForTheRequestOnly(t *testing.T) {
	for why, change := range map[string]func(*stage){
		"the session was suspended": func(s *stage) { s.session().Spec.Suspend = true },
		"the Secret was edited":     func(s *stage) { s.store.secrets[acme].Data["url"] = []byte("https://api.example/theirs") },
	} {
		t.Run(why, func(t *testing.T) {
			s := newStage(t)
			s.reconcile()
			s.clock.SetTime(s.session().Status.RenewalTime.Time)
			s.queue()
			change(s)
			s.r.bulkhead.free = 0
			before := s.store.made
			if s.reconcile(); s.store.made != before || s.r.dispatcher.HasTurn(acme) {
				t.Errorf("writes %+v became %+v; it has a turn: %t", before, s.store.made, s.r.dispatcher.HasTurn(acme))
			}
			s.r.bulkhead.free = 2
			if s.reconcile(); s.store.made == before {
				t.Error("nothing was done once there was a place")
			}
		})
	}
}

// TestWhoMayHaveLostTheLeadAsksForNothing, and looks again soon: the lease may be renewed late.
func TestWhoMayHaveLostTheLeadAsksForNothing(t *testing.T) {
	t.Parallel()
	s, leads := newStage(t), false
	s.r.leads = func() bool { return leads }
	if again := s.reconcile().RequeueAfter; s.endpoint.requests > 0 || again != leadRetry {
		t.Errorf("%d requests, and it looks again after %s", s.endpoint.requests, again)
	}
	leads = true
	if s.reconcile(); !s.isIssued() {
		t.Error("once it leads, nothing is issued")
	}
}

// TestAPanicLosesNeitherASlotNorAKey: controller-runtime recovers it, so the process lives on. A slot
// that is gone is lost until a restart, and the first request with a key holds all sessions with that
// key back until its answer is there.
func TestAPanicLosesNeitherASlotNorAKey(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.endpoint.onRequest = func() error { panic("a defect") }
	for range 3 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the endpoint was not asked: its one slot is gone")
				}
			}()
			s.reconcile()
		}()
		s.clock.Step(time.Minute)
	}
	s.endpoint.onRequest = nil
	if s.reconcile(); !s.isIssued() {
		t.Error("nothing is issued after the panics")
	}
}

// queue has the session wait until its turn to ask has come.
func (s *stage) queue() {
	s.t.Helper()
	turn, ok := s.r.dispatcher.TryAcquire(types.NamespacedName{Name: "another"}, dispatch.KeyID{}, dispatch.Priority{})
	if !ok {
		s.t.Fatal("the only turn cannot be had")
	}
	s.reconcile()
	turn.Abandon()
	ctx, stop := context.WithCancel(s.t.Context())
	defer stop()
	go func() { _ = s.r.dispatcher.Start(ctx) }()
	for !s.r.dispatcher.HasTurn(acme) {
		if s.r.dispatcher.Len() == 0 && !s.r.dispatcher.HasTurn(acme) {
			s.t.Fatal("it does not wait for a turn")
		}
		runtime.Gosched()
	}
}

// TestATwinWaitsUntilTheAnswerIsStored lets an older session for the same Secret appear when the younger one has its
// answer, and is about to store it.
func TestATwinWaitsUntilTheAnswerIsStored(t *testing.T) {
	s := newStage(t)
	var after time.Duration
	s.r.client = onCreate{s.r.client, func() {
		older := builders.Session("older", builders.In(finance), builders.SecretName(acme.Name))
		older.CreationTimestamp = metav1.NewTime(s.clock.Now().Add(-2 * createdAgo))
		s.store.addSession(older)
		after = s.pass(inFinance("older")).RequeueAfter
	}}
	s.reconcile()
	if s.endpoint.requests != 1 || after != soon {
		t.Errorf("%d requests were made, and the twin looks again after %s; want 1, and %s", s.endpoint.requests, after, soon)
	}
}

// onCreate calls before ahead of each create.
type onCreate struct {
	client.Client
	before func()
}

func (c onCreate) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	c.before()
	return c.Client.Create(ctx, object, options...)
}
