package controllers

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/xtracta/billing-operator/controllers/metrics"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// TestNoSeriesIsLeftOfWhatATenantDeleted has namespaces with a session each: some wait for a
// turn, some for a person. Each namespace has series while they are there.
func TestNoSeriesIsLeftOfWhatATenantDeleted(t *testing.T) {
	t.Parallel()
	for _, perSession := range []bool{false, true} {
		c := newTenant(t, Options{Concurrency: 2, QPS: 1, Burst: 2})
		scraped := c.scraped(perSession)
		before := seriesIn(t, scraped)
		for i := range churned {
			c.in(namespaceName(i))
			if i%2 == 0 { // the others have no key
				c.addKey(i)
			}
			c.create(i, builders.KeySecret(keyName(i)))
		}
		during := seriesIn(t, scraped)
		for i := range churned {
			c.in(namespaceName(i))
			delete(c.store.secrets, c.named(keyName(i)))
			c.delete(i)
		}
		after := seriesIn(t, scraped)
		t.Logf("series of sessions: %t: %d before, %d with %d namespaces, %d afterwards", perSession, before, during, churned, after)
		if during < churned {
			t.Errorf("%d series with %d namespaces: this shows nothing", during, churned)
		}
		if after > before+5 { // such as a reason that was not there before
			t.Errorf("%d series are left, of %d before", after, before)
		}
	}
}

// scraped is what Prometheus scrapes of a manager that leads.
func (c *tenant) scraped(perSession bool) *prometheus.Registry {
	leading := make(chan struct{})
	close(leading)
	c.r.metrics.RegisterQueueLength(c.r.dispatcher.Len)
	c.r.metrics.RegisterWaiting(leading, c.r.dispatcher.WaitingByNamespace)
	c.registry.MustRegister(&metrics.Sessions{Cache: c.store, Leading: leading, Clock: c.clock, PerSession: perSession})
	return c.registry
}

func seriesIn(t *testing.T, registry *prometheus.Registry) (n int) {
	t.Helper()
	families, err := registry.Gather()
	must(t, err)
	for _, family := range families {
		n += len(family.GetMetric())
	}
	return n
}
