package integration

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/metrics"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

func TestMetricsTellWhatHappened(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.Standin.SetClockOffset(time.Hour)
	first := w.issued("acme", builders.Expiration(600))
	w.clock.Step(w.until(first.Status.RenewalTime.Time) + time.Second)
	w.waitForNewURL("acme", first.Status.URL)
	w.Standin.Misbehave(standin.Status(403))
	w.passFloor()
	w.RequestRenewal("acme", "now")
	w.waitForHandled("acme", "now")
	w.rest()
	session := w.Get("acme")
	series := fmt.Sprintf(`{name="acme",namespace="%s"}`, w.Namespace)
	for _, want := range []string{
		`billingsession_requests_total{outcome="granted"} 2`,
		`billingsession_requests_total{outcome="rejected"} 1`,
		`billingsession_request_duration_seconds_count 3`,
		`billingsession_renewal_margin_seconds_count 1`,
		`billingsession_renewal_margin_ratio_count 1`,
		`billingsession_url_wait_seconds_count{cause="NoneAlive"} 1`,
		`billingsession_url_wait_seconds_count{cause="RenewalDue"} 1`,
		`billingsession_endpoint_clock_skew_seconds 3600`,
		`billingsession_last_request_timestamp_seconds{outcome="unavailable"} 0`,
		`billingsession_queued_requests 0`,
		`billingsession_sessions{reason="Rejected",state="failing"} 1`,
		`billingsession_sessions{reason="Issued",state="ready"} 0`,
		`billingsession_state{name="acme",namespace="` + w.Namespace + `",reason="Rejected",state="failing"} 1`,
		`billingsession_ready` + series + ` 1`,
		fmt.Sprintf(`billingsession_expiration_timestamp_seconds%s %g`, series, float64(session.Status.ExpirationTime.Unix())),
		fmt.Sprintf(`billingsession_renewal_timestamp_seconds%s %g`, series, float64(session.Status.RenewalTime.Unix())),
	} {
		w.Eventually(want, func() string {
			if text := w.controller.metrics(); !strings.Contains(text, want+"\n") {
				return text
			}
			return ""
		})
	}
	w.Delete(session)
	w.Eventually("the session's series vanish", func() string {
		return strings.Join(regexp.MustCompile(`.*"acme".*`).FindAllString(w.controller.metrics(), -1), "\n")
	})
}

// TestOnlyTheLeaderSpeaksForSessions: two replicas would tell each of them twice.
func TestOnlyTheLeaderSpeaksForSessions(t *testing.T) {
	t.Parallel()
	leading := make(chan struct{})
	c := collected(t, &metrics.Sessions{Leading: leading, PerSession: true})
	if text := c.metrics(); text != "" {
		t.Errorf("a replica that stands by says:\n%s", text)
	}
	close(leading)
	for _, want := range []string{
		`billingsession_ready{name="acme",namespace="finance"} 0`,
		`billingsession_state{name="acme",namespace="finance",reason="Pending",state="unissued"} 1`,
	} {
		if text := c.metrics(); !strings.Contains(text, want) {
			t.Errorf("the leader does not say %s:\n%s", want, text)
		}
	}
}

// TestLargeFleetsAreCounted: a series for each session may be more than Prometheus likes to
// hold, and alerts must work all the same.
func TestLargeFleetsAreCounted(t *testing.T) {
	t.Parallel()
	leading := make(chan struct{})
	close(leading)
	text := collected(t, &metrics.Sessions{Leading: leading}).metrics()
	if strings.Contains(text, "acme") {
		t.Errorf("a session is told by its name:\n%s", text)
	}
	for _, want := range []string{
		`billingsession_sessions{reason="Pending",state="unissued"} 1`,
		`billingsession_sessions{reason="Issued",state="ready"} 1`,
		`billingsession_sessions{reason="Expired",state="expired"} 0`, // there, though nobody has
		`billingsession_earliest_expiration_timestamp_seconds{state="ready"} 4.102444e+09`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%s is not among\n%s", want, text)
		}
	}
}

// collected is a registry with a collector of two sessions: acme, which nobody has looked
// at, and acme-issued, whose clock is an hour behind the endpoint's.
func collected(t *testing.T, collector *metrics.Sessions) *runningController {
	t.Helper()
	issued := builders.Session("acme-issued", builders.In("finance"))
	issued.Status = v1alpha1.BillingSessionStatus{
		ExpirationTime: &metav1.Time{Time: time.Unix(4102447600, 0)},
		IssuedFor:      &v1alpha1.IssuedFor{ClockOffsetSeconds: 3600},
		Conditions:     []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonIssued}},
	}
	collector.Cache = fake.NewClientBuilder().WithScheme(env.Scheme()).
		WithObjects(builders.Session("acme", builders.In("finance")), issued).Build()
	collector.Clock = testclock.NewFakePassiveClock(time.Unix(rand.Int64N(4102444000), 0))
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector)
	return &runningController{registry: registry}
}
