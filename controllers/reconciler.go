// Package controllers keeps BillingSessions: it reads what there is, decides
// with package renewal what to do next, does it, and reports with one status patch.
package controllers

import (
	"context"
	"errors"
	"time"

	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// Asker asks the endpoint for a URL; an endpoint.Client does.
type Asker interface {
	Open(ctx context.Context, request endpoint.Request) (endpoint.Grant, error)
	URL() string
}

// Reconciler brings BillingSessions to what they declare.
type Reconciler struct {
	// Sessions reads sessions and the metadata of all Secrets from a cache, and
	// writes the status of sessions and the generated Secrets.
	Sessions client.Client
	// Generated reads generated Secrets from a cache that holds no others.
	Generated client.Reader
	// Live reads past the caches.
	Live client.Reader
	// Endpoint is asked for URLs.
	Endpoint Asker
	// Clock tells the time of every decision.
	Clock clock.Clock
	// Events records what a person cares about.
	Events events.EventRecorder
	// Metrics counts requests.
	Metrics *Metrics

	memory *memory
	keys   *keyRing
	turns  *Turns
}

// mostSteps bounds one pass: the longest has a key read, a rehearsed write, a
// request, a write and the decision to wait.
const mostSteps = 8

// longestPass bounds what one pass may take beyond the request to the endpoint,
// which has a deadline of its own.
const longestPass = time.Minute

var (
	// errParked: the session waits for its turn to ask, and is woken for it.
	errParked = errors.New("waiting for a turn")
	// errGone: the API server says that the session or its namespace is going.
	errGone = errors.New("being deleted")
)

// What the controller may do. Of Secrets it needs to read, create and update any
// in the namespaces that it serves: RBAC can restrict neither to some labels nor to metadata.
// +kubebuilder:rbac:groups=billing.xtracta.com,resources=billingsessions,verbs=list;watch
// +kubebuilder:rbac:groups=billing.xtracta.com,resources=billingsessions/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;update
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile makes one pass over a session.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	// A pass under way is finished also while the process stops: what the endpoint
	// granted would be lost otherwise.
	pass, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestPass)
	defer cancel()

	seen, err := r.observe(pass, request.NamespacedName)
	if err != nil || seen == nil {
		r.turns.Leave(request.NamespacedName)
		return ctrl.Result{}, err
	}
	plan, err := r.proceed(ctx, pass, seen)
	switch {
	case errors.Is(err, errGone):
		r.turns.Leave(request.NamespacedName)
		return ctrl.Result{}, nil
	case errors.Is(err, errParked):
		return r.awaitTurn(pass, seen)
	default:
		r.turns.Leave(request.NamespacedName)
		seen.memory.parked = time.Time{}
		if err != nil {
			return ctrl.Result{}, err
		}
	}
	return r.conclude(pass, seen, plan)
}

// outdatedRetry is when to look again at a session that changed during the pass, in
// case no watch shows the change.
const outdatedRetry = time.Second

// conclude reports, and says when to look at the session again.
func (r *Reconciler) conclude(ctx context.Context, seen *observation, plan renewal.Plan) (ctrl.Result, error) {
	switch err := r.report(ctx, seen, plan); {
	case errors.Is(err, errOutdated):
		return ctrl.Result{RequeueAfter: outdatedRetry}, nil
	case err != nil:
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: r.wait(seen, plan)}, nil
}

// proceed decides and acts until there is nothing left but to wait.
func (r *Reconciler) proceed(ctx, pass context.Context, seen *observation) (renewal.Plan, error) {
	for range mostSteps {
		facts := r.facts(seen)
		plan := renewal.Decide(facts)
		if plan.Step == renewal.Wait {
			return plan, nil
		}
		if plan.Step == renewal.Ask && ctx.Err() != nil {
			return plan, errParked // stopping: nothing new is begun
		}
		if err := r.act(pass, seen, facts, plan); err != nil {
			return plan, err
		}
	}
	return renewal.Plan{}, errors.New("no end of steps: this is a defect, please report it")
}

// longestUntold is for how long a session waits for its turn before that is told:
// mostly the turn comes within moments.
const longestUntold = 10 * time.Second

// awaitTurn goes on with a session that is parked.
func (r *Reconciler) awaitTurn(ctx context.Context, seen *observation) (ctrl.Result, error) {
	facts := r.facts(seen)
	facts.Asked = facts.Now // for those who look, it is as if it had just asked in vain
	plan := renewal.Decide(facts)
	plan.Wake = facts.Now.Add(renewal.LongestTimer)
	if plan.Held != nil && plan.Held.ExpiresAt().Before(plan.Wake) {
		plan.Wake = plan.Held.ExpiresAt()
	}
	status, told := seen.session.Status, seen.memory.parked.Add(longestUntold)
	expired := plan.Held == nil && status.URL != ""
	switch {
	case status.ObservedGeneration < 0: // there is nothing to tell yet
		return ctrl.Result{RequeueAfter: r.wait(seen, plan)}, nil
	case facts.Now.Before(told) && !expired:
		seen.lookAgainAt(told)
		return ctrl.Result{RequeueAfter: r.wait(seen, plan)}, nil
	}
	return r.conclude(ctx, seen, plan)
}

// wait is until when nobody needs to look at the session.
func (r *Reconciler) wait(seen *observation, plan renewal.Plan) time.Duration {
	now := r.Clock.Now()
	wake := plan.Wake
	if !seen.lookAgain.IsZero() && seen.lookAgain.Before(wake) {
		wake = seen.lookAgain
	}
	// Zero would mean never.
	return max(wake.Sub(now), time.Millisecond)
}

// lastMoment is what a request takes at best until its URL is written. A URL with less
// life than that is lost already; where more expire than can be renewed, the one that
// expires first would be such a one again and again. What is given up too early is
// lost as well, so it is short.
const lastMoment = 100 * time.Millisecond

// rankOf is the session's place among those that want to ask. One without a URL that
// was asked for in vain goes behind those that were not asked for since: otherwise
// old sessions that fail for ever would have all the turns.
func rankOf(session *v1alpha1.BillingSession, facts renewal.Facts, plan renewal.Plan) rank {
	if plan.Held != nil {
		if before := plan.Held.ExpiresAt().Add(-lastMoment); facts.Now.Before(before) {
			return rank{alive: true, before: before}
		}
	}
	since := session.CreationTimestamp.Time
	if last := facts.Last; last != nil && last.Time.After(since) {
		since = last.Time.Time
	}
	return rank{before: since}
}
