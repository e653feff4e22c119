package controllers

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/metrics"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// stage is a process with a clock that the test steps, a cluster that holds a session with its key,
// and an endpoint.
type stage struct {
	t        *testing.T
	options  Options
	r        *Reconciler
	store    *memoryStore
	clock    *clocktesting.FakeClock
	endpoint *stubEndpoint
	// registry has what the process measures.
	registry *prometheus.Registry
}

const (
	finance    = "finance"
	createdAgo = 5 * time.Second
)

// acme is the session of a stage. It was created some seconds ago.
var acme = inFinance("acme")

func inFinance(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: finance, Name: name}
}

func newStage(t *testing.T) *stage { return newStageWith(t, Options{Concurrency: 1}) }

func newStageWith(t *testing.T, options Options) *stage {
	clock := clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0))
	s := &stage{
		t: t, options: options, clock: clock, endpoint: &stubEndpoint{clock: clock, url: "https://api.example/v1/billings/billing_ui"},
		store: &memoryStore{sessions: map[types.NamespacedName]*v1alpha1.BillingSession{}, secrets: map[types.NamespacedName]*corev1.Secret{}},
	}
	s.store.add(builders.KeySecretOf(finance, "key", "key-of-the-group"))
	s.store.addSession(builders.Session(acme.Name, builders.In(finance), builders.Expiration(600)))
	s.session().CreationTimestamp = metav1.NewTime(clock.Now().Add(-createdAgo))
	s.start()
	return s
}

// start begins a process, which knows what the store holds.
func (s *stage) start() {
	s.r = New(Dependencies{Client: s.store, APIReader: s.store, Clock: s.clock, Endpoint: s.endpoint, Events: &events.FakeRecorder{}}, s.options)
	s.measureAnew()
}

func (s *stage) measureAnew() {
	s.registry = prometheus.NewRegistry()
	s.r.metrics = metrics.NewRequests(s.registry)
}

func (s *stage) reconcile() ctrl.Result {
	s.t.Helper()
	return s.pass(acme)
}

func (s *stage) pass(session types.NamespacedName) ctrl.Result {
	s.t.Helper()
	result, err := s.r.Reconcile(ctrl.LoggerInto(s.t.Context(), logr.Discard()), ctrl.Request{NamespacedName: session})
	must(s.t, err)
	return result
}

// session is what the store holds of the session.
func (s *stage) session() *v1alpha1.BillingSession { return s.store.sessions[acme] }

// isIssued reports whether the status says that there is a URL.
func (s *stage) isIssued() bool { return s.session().Status.ExpirationTime != nil }

// stubEndpoint grants whatever it is asked for.
type stubEndpoint struct {
	clock    *clocktesting.FakeClock
	url      string
	requests int
	// onRequest is called with each request, and returns what is answered instead of a grant; nil for nothing.
	onRequest func() error
}

func (e *stubEndpoint) URL() string { return e.url }

func (*stubEndpoint) CheckURL(text string) error { return endpoint.URLPolicy{}.Check(text) }

func (e *stubEndpoint) IssueURL(_ context.Context, r endpoint.Request) (endpoint.Grant, error) {
	e.requests++
	if e.onRequest != nil {
		if err := e.onRequest(); err != nil {
			return endpoint.Grant{}, err
		}
	}
	return endpoint.Grant{
		URL:    endpoint.NewURL("https://api.example/v1/billings/index.html?t=a-token-of-some-length"),
		Expire: e.clock.Now().Add(time.Duration(r.ExpirationSeconds) * time.Second),
		Issued: e.clock.Now(),
	}, nil
}

// must ends the test if something that it needs fails.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
