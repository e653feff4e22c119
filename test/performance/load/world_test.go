package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/metrics"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/performance/simulation"
)

const namespace = "finance"

// world is the real controller with its real queue and workers, with a cluster and
// an endpoint in memory. Time is that of the bubble, where hours pass in moments.
type world struct {
	t        *testing.T
	cluster  *memoryCluster
	endpoint *memoryEndpoint
	keys     int
	stop     func()
	created  map[string]int // by kind
	simulation.Ledger
}

// inWorld runs a test in a bubble of time that starts at a random instant.
func inWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Duration(rand.Int64N(int64(20 * 365 * 24 * time.Hour))))
		w := &world{
			t: t, cluster: newMemoryCluster(), endpoint: &memoryEndpoint{}, keys: 50,
			created: map[string]int{},
		}
		w.cluster.written = w.Note
		for i := range w.keys {
			w.cluster.create(builders.KeySecretOf(namespace, keyName(i), keyName(i)))
		}
		test(w)
		w.stop()
	})
}

func keyName(i int) string { return fmt.Sprintf("key-%d", i) }

// sessions creates n more sessions of a kind, which share the world's keys.
func (w *world) sessions(kind string, n int, differences ...func(*v1alpha1.BillingSession)) {
	for range n {
		i := w.created[kind]
		w.created[kind]++
		w.cluster.create(builders.Session(fmt.Sprintf("%s-%d", kind, i), append([]func(*v1alpha1.BillingSession){
			builders.In(namespace), builders.KeySecret(keyName(i % w.keys)), builders.Expiration(600),
		}, differences...)...))
	}
}

// run starts a controller, as the manager wires it, that knows nothing of one before.
func (w *world) run(options controllers.Options) {
	w.t.Helper()
	if w.stop != nil {
		w.stop()
	}
	ctx, cancel := context.WithCancel(context.Background())
	watches := w.cluster.newWatches()
	direct := memoryClient{memoryCluster: w.cluster}
	mgr := &memoryManager{scheme: env.Scheme(), cache: memoryCache{memoryClient: direct, watches: watches}}
	r := controllers.New(controllers.Dependencies{
		Client: direct, APIReader: direct, Endpoint: w.endpoint, Clock: clock.RealClock{},
		Events: &events.FakeRecorder{}, Metrics: metrics.NewRequests(prometheus.NewRegistry()),
	}, options)
	if err := r.SetupWithManager(mgr, options.Controller()); err != nil {
		w.t.Fatal(err)
	}
	var running sync.WaitGroup
	for _, runnable := range mgr.runnables {
		running.Go(func() {
			if err := runnable.Start(ctx); err != nil {
				w.t.Errorf("the manager ended with: %v", err)
			}
		})
	}
	w.stop = func() { cancel(); running.Wait() }
}

// memoryManager collects what the controller gives to a manager.
type memoryManager struct {
	ctrl.Manager
	cache     cache.Cache
	scheme    *runtime.Scheme
	runnables []manager.Runnable
}

func (m *memoryManager) Add(r manager.Runnable) error {
	m.runnables = append(m.runnables, r)
	return nil
}

// Elected is closed: the only replica leads.
func (m *memoryManager) Elected() <-chan struct{} {
	elected := make(chan struct{})
	close(elected)
	return elected
}

func (m *memoryManager) GetScheme() *runtime.Scheme           { return m.scheme }
func (m *memoryManager) GetCache() cache.Cache                { return m.cache }
func (m *memoryManager) GetFieldIndexer() client.FieldIndexer { return m.cache }
func (m *memoryManager) GetLogger() logr.Logger               { return logr.Discard() }
func (m *memoryManager) GetControllerOptions() config.Controller {
	return config.Controller{SkipNameValidation: ptr.To(true)}
}

// answerTime is how long the endpoint takes to answer.
const answerTime = 20 * time.Millisecond

// memoryEndpoint grants what is asked for, unless it refuses to.
type memoryEndpoint struct {
	mu     sync.Mutex
	asked  int
	refuse func(key string) error
}

// refuseWith has a function say what goes wrong with a request from now on. It is
// called for one request at a time.
func (e *memoryEndpoint) refuseWith(refuse func(key string) error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refuse = refuse
}

// requests is how many there were.
func (e *memoryEndpoint) requests() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

func (*memoryEndpoint) URL() string { return "https://api-app.xtracta.com/v1/billings/billing_ui" }

// CheckURL implements controllers.Endpoint.
func (*memoryEndpoint) CheckURL(text string) error { return endpoint.URLPolicy{}.Check(text) }

// IssueURL implements controllers.Endpoint.
func (e *memoryEndpoint) IssueURL(_ context.Context, request endpoint.Request) (endpoint.Grant, error) {
	time.Sleep(answerTime)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	if e.refuse != nil {
		if err := e.refuse(request.Key.Reveal()); err != nil {
			return endpoint.Grant{}, err
		}
	}
	now := time.Now()
	return endpoint.Grant{
		URL:    endpoint.NewURL(fmt.Sprintf("https://xtracta.com/%d", e.asked)),
		Expire: now.Truncate(time.Second).Add(time.Duration(request.ExpirationSeconds) * time.Second),
		Issued: now,
	}, nil
}

// until waits, in the bubble's time, for what comes within minutes.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	for range 600 {
		if holds() {
			return
		}
		time.Sleep(time.Second)
	}
	w.t.Fatalf("not in ten minutes: %s", what)
}

// renewals are what the sessions with a URL will want next, and until when.
func (w *world) renewals(kind string) []simulation.Session {
	var all []*v1alpha1.BillingSession
	for _, object := range w.cluster.sessions.List() {
		all = append(all, object.(*v1alpha1.BillingSession))
	}
	return simulation.Renewals(all, kind)
}

// newcomers are the sessions of a kind that were not looked at yet.
func (w *world) newcomers(kind string) (sessions []simulation.Session) {
	for _, object := range w.cluster.sessions.List() {
		session := object.(*v1alpha1.BillingSession)
		if strings.HasPrefix(session.Name, kind+"-") {
			sessions = append(sessions, simulation.Session{
				Name: session.Name, Due: time.Now(), Since: session.CreationTimestamp.Time,
			})
		}
	}
	return sessions
}

// limited is the endpoint from now on, as the simulation takes it.
func (w *world) limited() simulation.Endpoint {
	return simulation.Endpoint{Start: time.Now(), PerSecond: limit().QPS, Burst: limit().Burst}
}

// expectFirstURLs holds that the sessions of a kind had their first URLs when the
// simulation says, or a little later. Those of one age may change places.
func (w *world) expectFirstURLs(kind string, predicted simulation.Result, mostLate time.Duration) {
	w.t.Helper()
	var want, got []time.Time
	for name, at := range predicted.Served {
		if strings.HasPrefix(name, kind+"-") {
			want = append(want, at)
		}
	}
	for _, r := range w.First(kind) {
		got = append(got, r.At)
	}
	if len(got) != len(want) {
		w.t.Fatalf("%d of %d %s sessions had a URL", len(got), len(want), kind)
	}
	slices.SortFunc(want, time.Time.Compare)
	slices.SortFunc(got, time.Time.Compare)
	latest := time.Duration(0)
	for i := range want {
		latest = max(latest, got[i].Sub(want[i]))
	}
	w.t.Logf("%d %s sessions had their first URLs at most %s later than their turns", len(got), kind, latest.Round(time.Millisecond))
	if latest > mostLate {
		w.t.Errorf("a turn was %s late", latest)
	}
}
