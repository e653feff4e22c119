package controllers

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

var (
	perSession     = []string{"namespace", "name"}
	expirationDesc = prometheus.NewDesc("billingsession_expiration_timestamp_seconds",
		"When the session's URL expires or expired, as the endpoint said it, in UNIX time.", perSession, nil)
	renewalDesc = prometheus.NewDesc("billingsession_renewal_timestamp_seconds",
		"When the session's next URL is asked for, in UNIX time.", perSession, nil)
	readyDesc = prometheus.NewDesc("billingsession_ready",
		"1 while a URL for the session's inputs is alive, 0 otherwise.", perSession, nil)
)

// SessionCollector gives the metrics of each session, read from the cache when
// they are asked for, so that no series outlives its object.
type SessionCollector struct {
	// Sessions reads sessions from the cache.
	Sessions client.Reader
	// Leading is closed once this process leads: only the leader speaks for the sessions.
	Leading <-chan struct{}
}

// Describe implements prometheus.Collector.
func (c *SessionCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- expirationDesc
	descs <- renewalDesc
	descs <- readyDesc
}

// Collect implements prometheus.Collector.
func (c *SessionCollector) Collect(metrics chan<- prometheus.Metric) {
	select {
	case <-c.Leading:
	default:
		return
	}
	var sessions v1alpha1.BillingSessionList
	if err := c.Sessions.List(context.Background(), &sessions, client.UnsafeDisableDeepCopy); err != nil {
		return // the cache has not started
	}
	for i := range sessions.Items {
		collectSession(metrics, &sessions.Items[i])
	}
}

func collectSession(metrics chan<- prometheus.Metric, session *v1alpha1.BillingSession) {
	gauge := func(desc *prometheus.Desc, value float64) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, session.Namespace, session.Name)
	}
	at := func(desc *prometheus.Desc, t *metav1.Time) {
		if t != nil {
			gauge(desc, float64(t.Unix()))
		}
	}
	at(expirationDesc, session.Status.ExpirationTime)
	at(renewalDesc, session.Status.RenewalTime)
	ready := 0.0
	if meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady) {
		ready = 1
	}
	gauge(readyDesc, ready)
}
