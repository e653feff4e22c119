//go:build long

package observability

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// A bad day of the operator: all that an alert is raised for happens once, and is mended. What
// Prometheus saw of it is judged by the tests below.
func TestABadDay(t *testing.T) {
	s := newStage(t)
	began := time.Now()
	s.nobodyLeads()
	s.sessionsFail()
	s.endpointFails()
	s.renewalsAreLate()
	s.namespaceCrowdsQueue()
	s.operatorIsAway()
	for _, rule := range alerts(t) {
		if !s.raised[rule.Alert] {
			t.Errorf("nothing was to raise %s", rule.Alert)
		}
	}
	t.Run("dashboard", func(t *testing.T) { expectDashboard(t, s.server, began) })
	s.noteMetrics()
	t.Run("metrics", func(t *testing.T) { expectMetrics(t, s.exposition(), s.served) })
	t.Run("events", s.expectEvents)
	s.manager.Stop()
	t.Run("log", s.expectLog)
}

func (s *stage) nobodyLeads() {
	release := s.holdLease()
	s.startManager()
	s.scrape()
	s.raises("BillingOperatorWithoutLeader", operator())
	s.quiet("BillingOperatorAbsent", "BillingEndpointCAFileUnusable")
	// A clock that is wrong by more than a few seconds shows at the first grant.
	s.Standin.SetClockOffset(45 * time.Second)
	release()
}

// sessionsFail lets sessions go wrong, each with a key and a fault of its own, so that most of it
// happens at once.
func (s *stage) sessionsFail() {
	s.chapter = time.Now()
	s.WithOwnKey("healthy")
	s.WithOwnKey("slow", builders.RenewBefore(24)) // of 60: its late renewal leaves more than half
	s.Misbehave("expiring", standin.Life(24*time.Second))
	s.WithOwnKey("expiring")
	s.Misbehave("rejected", standin.Status(401))
	s.WithOwnKey("rejected")
	s.Misbehave("throttled", standin.Throttle(10*time.Second))
	s.WithOwnKey("throttled")
	s.Misbehave("broken", standin.Status(503))
	s.WithOwnKey("broken")
	s.Create(builders.Session("keyless", builders.In(namespace), builders.KeySecret("key-keyless")))
	s.Create(builders.Session("suspended", builders.In(namespace), builders.Suspended()))
	for _, name := range []string{"healthy", "slow", "expiring"} {
		s.waitUntil(name, v1alpha1.ReasonIssued)
	}
	s.Misbehave("expiring", standin.Status(503))
	// While its request is under way nobody says that anything is wrong with it.
	s.Misbehave("slow", standin.Latency(7*time.Second))
	s.writeCAFile([]byte("half a certif"))
	s.quiet("BillingOperatorWithoutLeader")

	s.raisesFor("rejected", "BillingSessionRejected")
	s.noteMetrics() // while sessions are blocked
	s.raisesFor("keyless", "BillingSessionStalled")
	s.GiveKey("key-keyless", env.KeyOf("keyless"))
	s.heal("rejected")
	s.raises("BillingEndpointClockSkew", install())
	s.Standin.SetClockOffset(0)
	s.raises("BillingSessionRenewalOverdue", session("slow"))
	s.Misbehave("slow")
	s.raisesFor("expiring", "BillingSessionExpiresSoon")
	s.raisesFor("throttled", "BillingSessionThrottled")
	s.raisesFor("broken", "BillingSessionNotReady")
	s.heal("throttled")
	s.heal("broken")
	s.raises("BillingEndpointCAFileUnusable", operator())
	s.writeCAFile(s.certificate)
	s.raisesFor("expiring", "BillingSessionExpired")
	s.heal("expiring")

	for _, name := range []string{"rejected", "throttled", "broken", "keyless", "expiring", "slow", "healthy"} {
		s.waitUntil(name, v1alpha1.ReasonIssued)
	}
	s.quiet("BillingSessionRejected", "BillingSessionThrottled", "BillingSessionStalled", "BillingSessionNotReady", "BillingSessionExpiresSoon",
		"BillingSessionExpired", "BillingSessionRenewalOverdue", "BillingEndpointClockSkew", "BillingEndpointCAFileUnusable", "BillingEndpointDown")
}

func (s *stage) endpointFails() {
	s.chapter = time.Now()
	s.Standin.Misbehave(standin.Status(503))
	s.renew("healthy")
	s.raises("BillingEndpointDown", install())
	s.Standin.Heal()
	s.quiet("BillingEndpointDown")
}

// A session asks every ten seconds at most, so two seconds of the planned six are left. Of the
// others fewer than twenty are renewed meanwhile.
func (s *stage) renewalsAreLate() {
	s.quiet("BillingRenewalsLate")
	s.chapter = time.Now()
	s.Misbehave("hasty", standin.Life(12*time.Second))
	s.WithOwnKey("hasty")
	s.raises("BillingRenewalsLate", install())
	s.Delete(s.Get("hasty"))
}

func (s *stage) namespaceCrowdsQueue() {
	s.chapter = time.Now()
	s.quiet("BillingNamespaceCrowdsQueue")
	s.crowd(60)
	s.raises("BillingNamespaceCrowdsQueue", map[string]string{"job": metricsService, "namespace": crowded})
	s.noteMetrics() // while requests are queued
	s.Misbehave(crowded)
	s.quiet("BillingNamespaceCrowdsQueue")
	s.waitForEvents(crowded, 60) // those that a stop would cut off are an error in the log
	s.quiet("BillingRenewalsLate")
}

func (s *stage) operatorIsAway() {
	s.manager.Stop()
	s.chapter = time.Now()
	s.raises("BillingOperatorAbsent", operator())
	s.startManager()
	s.server.waitFor("billingsession_sessions")
	s.quiet("BillingOperatorAbsent", "BillingOperatorWithoutLeader")
}

// raises waits until an alert was raised with these labels since the chapter began.
func (s *stage) raises(alert string, labels map[string]string) {
	s.T.Helper()
	firing := map[string]string{"alertname": alert, "alertstate": "firing"}
	maps.Copy(firing, labels)
	since := int(time.Since(s.chapter).Seconds()) + 1
	s.server.waitFor(fmt.Sprintf("count_over_time(%s[%ds])", selector("ALERTS", firing), since))
	s.raised[alert] = true
}

// raisesFor waits until an alert was raised for a session and, where no session is known by its name,
// for all together.
func (s *stage) raisesFor(name, alert string) {
	s.T.Helper()
	s.raises(alert, session(name))
	s.raises(alert, map[string]string{"job": fleetJob, "scope": "fleet"})
}

// quiet waits until alerts are not raised.
func (s *stage) quiet(alerts ...string) {
	s.T.Helper()
	for _, alert := range alerts {
		s.server.waitFor(fmt.Sprintf("absent(%s)", selector("ALERTS", map[string]string{"alertname": alert, "alertstate": "firing"})))
	}
}

// The labels of alerts, but for their severity.

func session(name string) map[string]string {
	return map[string]string{"namespace": namespace, "name": name}
}

func install() map[string]string { return map[string]string{"job": metricsService} }

func operator() map[string]string {
	return map[string]string{"job": metricsService, "namespace": systemNamespace}
}

// waitUntil waits until Prometheus knows that a session stands as it does for that reason.
func (s *stage) waitUntil(name, reason string) {
	s.T.Helper()
	s.server.waitFor(fmt.Sprintf("billingsession_state{name=%q,reason=%q}", name, reason))
}
