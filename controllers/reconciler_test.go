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

// TestWhatIsGrantedIsStored although the process stops while there is no place to go on in: nobody
// would come back for it. Otherwise the session is parked, and the grant is kept.
func TestWhatIsGrantedIsStored(t *testing.T) {
	for _, stops := range []bool{true, false} {
		t.Run(fmt.Sprintf("the process stops: %t", stops), func(t *testing.T) {
			s := newWaitStage(t)
			s.queue()
			process, stop := context.WithCancel(t.Context())
			defer stop()
			s.r.bulkhead.free = 0
			s.r.endpoint = grantsThen{s.r.endpoint, func() {
				if stops {
					stop()
				}
			}}
			if _, err := s.r.Reconcile(process, ctrl.Request{NamespacedName: s.name()}); err != nil || s.isIssued() != stops {
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
	for why, change := range map[string]func(*waitStage){
		"the session was suspended": func(s *waitStage) { s.store.sessions[s.name()].Spec.Suspend = true },
		"the Secret was edited":     func(s *waitStage) { s.store.secrets[s.name()].Data["url"] = []byte("https://api.example/theirs") },
	} {
		t.Run(why, func(t *testing.T) {
			s := newWaitStage(t)
			s.reconcile()
			s.clock.SetTime(s.store.sessions[s.name()].Status.RenewalTime.Time)
			s.queue()
			change(s)
			s.r.bulkhead.free = 0
			versions := func() string {
				return s.store.sessions[s.name()].ResourceVersion + " " + s.store.secrets[s.name()].ResourceVersion
			}
			before := versions()
			if s.reconcile(); versions() != before || s.r.dispatcher.HasTurn(s.name()) {
				t.Errorf("versions %s became %s; it has a turn: %t", before, versions(), s.r.dispatcher.HasTurn(s.name()))
			}
			s.r.bulkhead.free = 2
			if s.reconcile(); versions() == before {
				t.Error("nothing was done once there was a place")
			}
		})
	}
}

// queue has the session wait until its turn to ask has come.
func (s *waitStage) queue() {
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
	for !s.r.dispatcher.HasTurn(s.name()) {
		if s.r.dispatcher.Len() == 0 && !s.r.dispatcher.HasTurn(s.name()) {
			s.t.Fatal("it does not wait for a turn")
		}
		runtime.Gosched()
	}
}

// counting counts requests.
type counting struct {
	Endpoint
	requests int
}

func (c *counting) IssueURL(ctx context.Context, request endpoint.Request) (endpoint.Grant, error) {
	c.requests++
	return c.Endpoint.IssueURL(ctx, request)
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
