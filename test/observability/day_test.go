package observability

import (
	"fmt"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// A bad day of the operator, in about a minute: all that an alert is raised for happens once,
// and is mended. What Prometheus saw of it is judged by the tests below.
func TestABadDay(t *testing.T) {
	s := newStage(t)
	began := time.Now()
	diary := s.badDay()

	seen := record(t, s.server)
	t.Run("alerts", func(t *testing.T) { seen.expectAlerts(t, diary) })
	t.Run("alerts of a fleet", func(t *testing.T) { seen.withoutNames().expectAlerts(t, diary.ofFleet()) })
	t.Run("dashboard", func(t *testing.T) { expectDashboard(t, s.server, began) })
	t.Run("metrics", func(t *testing.T) { expectMetrics(t, s.exposition()) })
	t.Run("events", s.expectEvents)
	s.manager.Stop()
	t.Run("log", s.expectLog)
}

// badDay lets everything go wrong, and notes when which alert must be quiet and when not.
// Each session has a key and a fault of its own, so that most of it happens at once.
func (s *stage) badDay() *diary {
	release := s.holdLease()
	s.startManager()
	s.scrape()
	d := &diary{server: s.server}

	// A clock that is wrong by more than a few seconds shows at the first grant.
	s.Standin.SetClockOffset(45 * time.Second)
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
	s.server.waitFor("billingsession_requests_total")
	s.server.let(4)
	d.fires("BillingOperatorWithoutLeader", operator())
	d.quiet("BillingOperatorAbsent")
	release()

	s.waitUntil("rejected", v1alpha1.ReasonRejected)
	s.waitUntil("throttled", v1alpha1.ReasonThrottled)
	s.waitUntil("broken", v1alpha1.ReasonUnavailable)
	s.waitUntil("keyless", v1alpha1.ReasonKeySecretMissing)
	for _, name := range []string{"healthy", "slow", "expiring"} {
		s.waitUntil(name, v1alpha1.ReasonIssued)
	}
	troubled := s.server.scrapes()
	d.quiet("BillingEndpointCAFileUnusable")
	s.writeCAFile([]byte("half a certif"))
	for _, alert := range []string{"BillingSessionRejected", "BillingSessionThrottled", "BillingSessionStalled",
		"BillingSessionNotReady", "BillingSessionExpiresSoon", "BillingSessionExpired", "BillingEndpointClockSkew",
		"BillingRenewalsLate"} {
		d.quiet(alert)
	}
	s.Misbehave("expiring", standin.Status(503))
	s.Misbehave("slow", standin.Latency(7*time.Second))

	s.server.let(7)
	d.quiet("BillingOperatorWithoutLeader")
	d.fires("BillingSessionRejected", session("rejected"))
	d.fires("BillingSessionStalled", session("keyless"))
	d.fires("BillingEndpointClockSkew", install())
	s.Standin.SetClockOffset(0)
	s.heal("rejected")
	s.GiveKey("key-keyless", env.KeyOf("keyless"))

	// While its request is under way nobody says that anything is wrong with it.
	s.server.waitFor(`time() - billingsession_renewal_timestamp_seconds{name="slow"} > 1`)
	s.server.let(3)
	d.fires("BillingSessionRenewalOverdue", session("slow"))
	s.Misbehave("slow")

	s.server.waitFor(`billingsession_state{name="expiring",state="failing"}`)
	s.server.let(3)
	d.fires("BillingSessionExpiresSoon", session("expiring"))

	s.server.let(max(1, troubled+18-s.server.scrapes()))
	d.fires("BillingSessionThrottled", session("throttled"))
	d.fires("BillingSessionNotReady", session("broken"))
	s.heal("throttled")
	s.heal("broken")
	s.server.waitFor("billingsession_endpoint_ca_last_reload_successful == 0")
	s.server.let(2)
	d.fires("BillingEndpointCAFileUnusable", operator())
	s.writeCAFile(s.certificate)

	s.server.waitFor(`billingsession_state{name="expiring",state="expired"}`)
	s.server.let(3)
	d.fires("BillingSessionExpired", session("expiring"))
	s.heal("expiring")

	for _, name := range []string{"rejected", "throttled", "broken", "keyless", "expiring", "slow", "healthy"} {
		s.waitUntil(name, v1alpha1.ReasonIssued)
	}
	s.server.let(1)
	for _, alert := range []string{"BillingSessionRejected", "BillingSessionThrottled", "BillingSessionStalled",
		"BillingSessionNotReady", "BillingSessionExpiresSoon", "BillingSessionExpired", "BillingSessionRenewalOverdue", "BillingEndpointClockSkew", "BillingEndpointDown"} {
		d.quiet(alert)
	}

	s.Standin.Misbehave(standin.Status(503))
	s.renew("healthy")
	s.server.waitFor(`billingsession_sessions{reason="Unavailable",state="failing"} > 0`)
	s.server.let(5)
	d.fires("BillingEndpointDown", install())
	s.Standin.Heal()
	const lastly = "billingsession_last_request_timestamp_seconds"
	s.server.waitFor(lastly + `{outcome="granted"} > on (job) ` + lastly + `{outcome="unavailable"}`)
	s.server.let(1)
	d.quiet("BillingEndpointDown")

	s.server.waitFor("billingsession_endpoint_ca_last_reload_successful == 1")
	s.server.let(1)
	d.quiet("BillingEndpointCAFileUnusable")

	// A session asks every ten seconds at most, so two seconds of the planned six are left. Of the
	// others fewer than twenty are renewed meanwhile.
	s.Misbehave("hasty", standin.Life(12*time.Second))
	s.WithOwnKey("hasty")
	s.server.let(46)
	d.fires("BillingRenewalsLate", install())
	s.Delete(s.Get("hasty"))

	d.quiet("BillingNamespaceCrowdsQueue")
	s.crowd(60)
	s.server.waitFor(fmt.Sprintf("billingsession_namespace_queued_requests{namespace=%q} > 20", crowded))
	s.server.let(12)
	d.fires("BillingNamespaceCrowdsQueue", map[string]string{"job": metricsService, "namespace": crowded})
	s.Misbehave("crowd")
	s.server.waitFor("billingsession_queued_requests == 0")
	s.server.let(1)
	d.quiet("BillingNamespaceCrowdsQueue")
	s.waitForEvents(crowded, 60) // those that a stop would cut off are an error in the log
	s.server.waitUntilOver("BillingRenewalsLate")
	d.quiet("BillingRenewalsLate")

	s.manager.Stop()
	s.server.let(7)
	d.fires("BillingOperatorAbsent", operator())
	s.startManager()
	s.server.waitFor("billingsession_sessions")
	s.server.let(1)
	d.quiet("BillingOperatorAbsent")
	d.quiet("BillingOperatorWithoutLeader")
	return d
}

// waitUntil waits until Prometheus knows that a session stands as it does for that reason.
func (s *stage) waitUntil(name, reason string) {
	s.T.Helper()
	s.server.waitFor(fmt.Sprintf("billingsession_state{name=%q,reason=%q}", name, reason))
}
