// Package controllers reconciles BillingSessions: it observes what there is, lets package
// renewal decide what to do next, does it, and reports with one status patch. README.md
// shows how the packages fit together.
package controllers

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/apikey"
	"github.com/xtracta/billing-operator/controllers/dispatch"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/metrics"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/status"
)

// Endpoint issues URLs. An endpoint.Client does.
type Endpoint interface {
	// IssueURL asks for a URL once. Package endpoint documents its errors.
	IssueURL(ctx context.Context, request endpoint.Request) (endpoint.Grant, error)
	// URL is the address of the endpoint.
	URL() string
	// CheckURL returns nil for a URL that it may grant.
	CheckURL(text string) error
}

// Dependencies are what a Reconciler works with.
type Dependencies struct {
	// Client reads sessions, and the metadata of Secrets, from a cache. It writes the status of
	// sessions and the generated Secrets.
	Client client.Client
	// APIReader reads past the cache.
	APIReader client.Reader
	// Leads reports whether nobody else can have taken over the lead. When nil, nobody can.
	Leads    func() bool
	Endpoint Endpoint
	// Clock tells the time of every decision.
	Clock clock.Clock
	// Events records what a person cares about.
	Events  events.EventRecorder
	Metrics *metrics.Requests
}

// Reconciler brings BillingSessions to what they declare.
type Reconciler struct {
	client     client.Client
	endpoint   Endpoint
	clock      clock.Clock
	events     events.EventRecorder
	metrics    *metrics.Requests
	reader     *reader
	leads      func() bool
	local      *localStates
	dispatcher *dispatch.Dispatcher
	woken      *wakeSource
	bulkhead   *bulkhead
	// asking has, by the name of a generated Secret, the session whose pass asks for its URL.
	asking sync.Map
}

// New returns a Reconciler. It runs once SetupWithManager has added it to a manager.
func New(d Dependencies, o Options) *Reconciler {
	r := &Reconciler{
		endpoint: d.Endpoint, clock: d.Clock, events: d.Events, metrics: d.Metrics,
		leads: d.Leads, local: newLocalStates(), woken: &wakeSource{},
	}
	if r.leads == nil {
		r.leads = func() bool { return true }
	}
	r.dispatcher = dispatch.New(dispatch.Options{
		Clock: d.Clock, QPS: o.QPS, Burst: o.Burst, Slots: o.Concurrency, Wake: r.woken.wake,
	})
	r.bulkhead = newBulkhead(o.places(), d.Clock, r.woken.wake)
	r.client = client.WithFieldOwner(d.Client, fieldManager)
	live := liveReader{d.APIReader}
	r.reader = &reader{
		cached: d.Client, live: live, clock: d.Clock,
		keys:        apikey.NewCache(live, d.Clock),
		checkURL:    d.Endpoint.CheckURL,
		pausedUntil: func(key endpoint.Key) time.Time { return r.dispatcher.PausedUntil(r.dispatcher.KeyID(key)) },
	}
	return r
}

// fieldManager owns the fields that the controller sets.
const fieldManager = v1alpha1.ManagedBy

const (
	// maxSteps bounds the decisions of one pass. The longest pass reads the key, makes a dry
	// run, asks, stores the grant and waits.
	maxSteps = 8

	// maxPass bounds the calls of the API server in one pass. A request to the endpoint between
	// them may take 30 seconds, which leaves as long to write what was granted.
	maxPass = time.Minute

	// cacheRetry is when to look again at a cache that is behind, in case no event comes.
	cacheRetry = 500 * time.Millisecond
	// soon is when to look again where somebody else is at work.
	soon = time.Second
	// maxParked is when a session that is parked looks again by itself. It need not, as it is
	// called.
	maxParked = renewal.MaxRequeue
	// leadRetry is when to look again at a session that could not ask, as the lease was not
	// renewed in time. Another attempt to renew it is made every two seconds.
	leadRetry = 5 * time.Second
)

var (
	// errGone: the API server says that the session or its namespace is being deleted.
	errGone = errors.New("being deleted")
	// errParked: there is no place for the pass, and its session will be called.
	errParked = errors.New("parked")
	// errTwinAsks: another session asks for a URL for the same Secret.
	errTwinAsks = errors.New("another session asks for the same Secret")
	// errStopping: the process stops, so no new request is begun.
	errStopping = errors.New("stopping")
	// errNotLeading: another process may have taken over, so no new request is begun.
	errNotLeading = errors.New("not leading")
)

// What the controller may do. Of Secrets it needs to read, create, update and patch any in the
// namespaces that it serves: RBAC can restrict neither to some labels nor to metadata.
// +kubebuilder:rbac:groups=billing.xtracta.com,resources=billingsessions,verbs=list;watch
// +kubebuilder:rbac:groups=billing.xtracta.com,resources=billingsessions/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;update;patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile makes one pass over a session.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	name := request.NamespacedName
	permit := r.bulkhead.enter(name, r.dispatcher.HasTurn(name))
	if permit == nil {
		return requeue(errParked)
	}
	defer permit.leave()
	// A pass under way is finished although the process stops: otherwise what the endpoint
	// granted would be lost.
	pass, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxPass)
	defer cancel()

	seen, err := r.reader.observe(pass, name, r.local)
	if errors.Is(err, errBehind) {
		return requeue(err) // a turn to ask is kept
	}
	if err != nil || seen == nil {
		r.dispatcher.Cancel(name)
		return requeue(err)
	}
	defer r.asking.CompareAndDelete(generatedName(seen.session), name) // what was granted is stored by then
	after, facts, plan, err := r.proceed(pass, permit, ctx.Done(), *seen)
	if !after.isQueued {
		r.dispatcher.Cancel(name)
		after.local.attempts.leaveQueue()
	}
	if err == nil {
		err = r.report(pass, after, facts, plan)
	}
	if err != nil {
		return requeue(err)
	}
	// Zero would mean never.
	return ctrl.Result{RequeueAfter: max(plan.RequeueAt.Sub(r.clock.Now()), time.Millisecond)}, nil
}

// requeue says when the next pass follows one that ended with this error, or with nothing to do.
func requeue(err error) (ctrl.Result, error) {
	switch {
	case errors.Is(err, errGone), errors.Is(err, errStopping):
		return ctrl.Result{}, nil
	case errors.Is(err, errParked):
		return ctrl.Result{RequeueAfter: maxParked}, nil
	case errors.Is(err, errNotLeading):
		return ctrl.Result{RequeueAfter: leadRetry}, nil
	case errors.Is(err, errBehind):
		return ctrl.Result{RequeueAfter: cacheRetry}, nil
	case errors.Is(err, errOutdated), errors.Is(err, errTwinAsks):
		return ctrl.Result{RequeueAfter: soon}, nil
	}
	return ctrl.Result{}, err // with backoff
}

// proceed decides and acts until the decision is to wait. It returns that decision and the
// facts that it was taken on.
func (r *Reconciler) proceed(pass context.Context, permit *permit, stop <-chan struct{}, seen observation) (observation, renewal.Facts, renewal.Plan, error) {
	for range maxSteps {
		facts := seen.factsAt(r.clock.Now(), r.endpoint.URL())
		plan := renewal.Decide(facts)
		asks := plan.Step == renewal.Ask
		switch {
		case asks && isClosed(stop):
			return seen, facts, plan, errStopping
		case !asks && !isClosed(stop) && !permit.takePlace(): // when the process stops, nobody comes back for what was granted
			return seen, facts, plan, errParked
		case plan.Step == renewal.Wait:
			return seen, facts, plan, nil
		}
		next, err := r.act(pass, seen, facts, plan)
		if err != nil {
			return next, facts, plan, err
		}
		if asks {
			permit.spent(next.requestTook)
		}
		seen = next
	}
	return seen, renewal.Facts{}, renewal.Plan{}, errors.New("a pass has too many steps: this is a defect, please report it")
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// minUsefulLife is the shortest life that a request can still save. A URL that is closer to
// its expiry is ranked as expired; otherwise, under overload, every turn would go to a URL
// that dies before the answer arrives.
const minUsefulLife = 100 * time.Millisecond

// priorityOf is the session's place among those that wait for a turn. A session without a
// live URL waits since its last attempt, if there was one: otherwise old sessions that
// always fail would have all the turns.
func priorityOf(session *v1alpha1.BillingSession, facts renewal.Facts, plan renewal.Plan) dispatch.Priority {
	if plan.Active != nil {
		deadline := plan.Active.ExpiresAt().Add(-minUsefulLife)
		switch {
		case plan.Cause == renewal.Requested:
			return dispatch.Requested(plan.Active.Issued)
		case facts.Now.Before(deadline):
			return dispatch.Renewal(deadline)
		}
	}
	since := []time.Time{facts.Created, status.ExpiryOf(&session.Status)}
	if facts.Last != nil {
		since = append(since, facts.Last.Time.Time)
	}
	if facts.InSecret != nil {
		since = append(since, facts.InSecret.ExpiresAt())
	}
	return dispatch.FirstIssue(slices.MaxFunc(since, time.Time.Compare))
}
