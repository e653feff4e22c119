package integration

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/xtracta/billing-operator/controllers"
	"github.com/xtracta/billing-operator/test/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

func TestMetricsTellWhatHappened(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.standin.SetClockOffset(time.Hour)
	first := w.issued("acme", builders.Expiration(600))
	w.clock.Step(w.until(first.Status.RenewalTime.Time) + time.Second)
	w.waitForNewURL("acme", first.Status.URL)
	w.standin.Misbehave(standin.Status(403))
	w.passFloor()
	w.requestRenewal("acme", "now")
	w.waitForHandled("acme", "now")
	w.rest()
	session := w.get("acme")
	series := fmt.Sprintf(`{name="acme",namespace="%s"}`, w.namespace)
	for _, want := range []string{
		`billingsession_requests_total{outcome="granted"} 2`,
		`billingsession_requests_total{outcome="rejected"} 1`,
		`billingsession_request_duration_seconds_count 3`,
		`billingsession_renewal_margin_seconds_count 1`,
		`billingsession_endpoint_clock_skew_seconds 3600`,
		`billingsession_ready` + series + ` 1`,
		fmt.Sprintf(`billingsession_expiration_timestamp_seconds%s %g`, series, float64(session.Status.ExpirationTime.Unix())),
		fmt.Sprintf(`billingsession_renewal_timestamp_seconds%s %g`, series, float64(session.Status.RenewalTime.Unix())),
	} {
		w.eventually(want, func() string {
			if text := w.controller.metrics(); !strings.Contains(text, want+"\n") {
				return text
			}
			return ""
		})
	}
	w.delete(session)
	w.eventually("the session's series vanish", func() string {
		return strings.Join(regexp.MustCompile(`.*"acme".*`).FindAllString(w.controller.metrics(), -1), "\n")
	})
}

// TestOnlyTheLeaderSpeaksForSessions: two replicas would tell each of them twice.
func TestOnlyTheLeaderSpeaksForSessions(t *testing.T) {
	t.Parallel()
	leading := make(chan struct{})
	registry := prometheus.NewRegistry()
	registry.MustRegister(&controllers.SessionCollector{
		Sessions: fake.NewClientBuilder().WithScheme(scheme()).WithObjects(builders.Session("acme", builders.In("finance"))).Build(),
		Leading:  leading,
	})
	c := &runningController{registry: registry}
	if text := c.metrics(); text != "" {
		t.Errorf("a replica that stands by says:\n%s", text)
	}
	close(leading)
	if text := c.metrics(); !strings.Contains(text, `billingsession_ready{name="acme",namespace="finance"} 0`) {
		t.Errorf("the leader says:\n%s", text)
	}
}
