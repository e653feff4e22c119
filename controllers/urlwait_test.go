package controllers

import (
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/xtracta/billing-operator/test/env/builders"
)

// expectWait wants one wait for that cause, and how many margins were measured.
func (s *stage) expectWait(cause string, seconds float64, margins uint64) {
	s.t.Helper()
	families, err := s.registry.Gather()
	must(s.t, err)
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
	s := newStage(t)
	s.reconcile()
	s.expectWait("NoneAlive", (createdAgo - time.Second).Seconds(), 0) // the second in which it was created

	s.measureAnew()
	s.clock.SetTime(s.session().Status.RenewalTime.Add(7 * time.Second))
	s.reconcile()
	s.expectWait("RenewalDue", 7, 1)

	s.measureAnew()
	s.clock.SetTime(s.session().Status.ExpirationTime.Add(3 * time.Second))
	s.reconcile()
	s.expectWait("NoneAlive", 3, 1)

	s.measureAnew()
	s.clock.Step(time.Second)
	s.reconcile()
	s.expectWait("", 0, 0)
}

func TestWaitsForAPersonAreNotMeasured(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(*stage){
		"by the same process": func(*stage) {},
		"after a restart":     (*stage).start,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
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
