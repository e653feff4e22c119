package controllers

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/xtracta/billing-operator/controllers/metrics"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// waitStage is a reconciler with one session, whose metrics can be read.
type waitStage struct {
	t        *testing.T
	r        *Reconciler
	store    *memoryStore
	clock    *clocktesting.FakeClock
	registry *prometheus.Registry
}

const createdAgo = 5 * time.Second

func newWaitStage(t *testing.T) *waitStage {
	t.Helper()
	s := &waitStage{t: t}
	s.r, s.store = newBenchReconciler(1)
	s.clock = s.r.clock.(*clocktesting.FakeClock)
	s.measureAnew()
	s.store.sessions[s.name()].CreationTimestamp = metav1.NewTime(s.clock.Now().Add(-createdAgo))
	return s
}

func (s *waitStage) name() types.NamespacedName {
	return types.NamespacedName{Namespace: "finance", Name: "session-0"}
}

func (s *waitStage) measureAnew() {
	s.registry = prometheus.NewRegistry()
	s.r.metrics = metrics.NewRequests(s.registry)
}

func (s *waitStage) reconcile() {
	s.t.Helper()
	s.pass(s.name())
}

func (s *waitStage) pass(session types.NamespacedName) {
	s.t.Helper()
	if _, err := s.r.Reconcile(s.t.Context(), ctrl.Request{NamespacedName: session}); err != nil {
		s.t.Fatal(err)
	}
}

// restart goes on as a new process does, which knows what the store holds.
func (s *waitStage) restart() {
	s.registry = prometheus.NewRegistry()
	s.r = New(Dependencies{
		Client: s.store, APIReader: s.store, Clock: s.clock, Endpoint: generous{s.clock},
		Events: &events.FakeRecorder{}, Metrics: metrics.NewRequests(s.registry),
	}, Options{Concurrency: 1})
}

// expectWait wants one wait for that cause, and how many margins were measured.
func (s *waitStage) expectWait(cause string, seconds float64, margins uint64) {
	s.t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			h := metric.GetHistogram()
			switch name := family.GetName(); {
			case name == "billingsession_renewal_margin_ratio" && h.GetSampleCount() != margins:
				s.t.Errorf("%d margins, want %d", h.GetSampleCount(), margins)
			case name != "billingsession_url_wait_seconds":
			case causeOf(metric) != cause && h.GetSampleCount() > 0:
				s.t.Errorf("%d waits for %s", h.GetSampleCount(), causeOf(metric))
			case causeOf(metric) == cause && (h.GetSampleCount() != 1 || h.GetSampleSum() != seconds):
				s.t.Errorf("%d waits for %s, %v seconds in all, want 1 of %v", h.GetSampleCount(), cause, h.GetSampleSum(), seconds)
			}
		}
	}
}

func causeOf(metric *dto.Metric) string { return metric.GetLabel()[0].GetValue() }

func TestWaitsForAURLAreMeasured(t *testing.T) {
	t.Parallel()
	s := newWaitStage(t)
	s.reconcile()
	s.expectWait("NoneAlive", (createdAgo - time.Second).Seconds(), 0) // the second in which it was created

	s.measureAnew()
	s.clock.SetTime(s.store.sessions[s.name()].Status.RenewalTime.Add(7 * time.Second))
	s.reconcile()
	s.expectWait("RenewalDue", 7, 1)

	s.measureAnew()
	s.clock.SetTime(s.store.sessions[s.name()].Status.ExpirationTime.Add(3 * time.Second))
	s.reconcile()
	s.expectWait("NoneAlive", 3, 1)

	s.measureAnew()
	s.clock.Step(time.Second)
	s.reconcile()
	s.expectWait("", 0, 0)
}

func TestWaitsForAPersonAreNotMeasured(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(*waitStage){
		"by the same process": func(*waitStage) {},
		"after a restart":     (*waitStage).restart,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newWaitStage(t)
			s.store.secrets = nil
			s.reconcile() // there is no key
			s.clock.Step(time.Hour)
			s.reconcile()
			between(s)
			s.expectWait("", 0, 0)
			s.store.secrets = map[types.NamespacedName]*corev1.Secret{}
			s.store.add(builders.KeySecretOf("finance", "key", "key-of-the-group"))
			s.reconcile()
			s.expectWait("", 0, 0)
		})
	}
}
