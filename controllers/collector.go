package controllers

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

var (
	sessionsDesc = prometheus.NewDesc("billingsession_sessions",
		"Sessions, by how they stand and why.", []string{"state", "reason"}, nil)
	earliestDesc = prometheus.NewDesc("billingsession_earliest_expiration_timestamp_seconds",
		"When the first of the URLs that are alive expires, in UNIX time by our clock.", []string{"state"}, nil)

	perSession     = []string{"namespace", "name"}
	expirationDesc = prometheus.NewDesc("billingsession_expiration_timestamp_seconds",
		"When the session's URL expires or expired, as the endpoint said it, in UNIX time.", perSession, nil)
	renewalDesc = prometheus.NewDesc("billingsession_renewal_timestamp_seconds",
		"When the session's next URL is asked for, in UNIX time.", perSession, nil)
	readyDesc = prometheus.NewDesc("billingsession_ready",
		"1 while a URL for the session's inputs is alive, 0 otherwise.", perSession, nil)
	stateDesc = prometheus.NewDesc("billingsession_state",
		"1 for how the session stands and why.", append([]string{"state", "reason"}, perSession...), nil)
)

// SessionCollector gives the metrics of the sessions, read from the cache when
// they are asked for, so that no series outlives its object.
type SessionCollector struct {
	// Sessions reads sessions from the cache.
	Sessions client.Reader
	// Leading is closed once this process leads: only the leader speaks for the sessions.
	Leading <-chan struct{}
	// Clock tells which URLs have expired.
	Clock clock.PassiveClock
	// PerSession adds the series of each session to those of all together.
	PerSession bool
}

// Describe implements prometheus.Collector.
func (c *SessionCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- sessionsDesc
	descs <- earliestDesc
	if c.PerSession {
		descs <- expirationDesc
		descs <- renewalDesc
		descs <- readyDesc
		descs <- stateDesc
	}
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
	now, all := c.Clock.Now(), newCensus()
	for i := range sessions.Items {
		session := &sessions.Items[i]
		stands := standingOf(session, now)
		all.add(session, stands)
		if c.PerSession {
			collectSession(metrics, session, stands)
		}
	}
	all.collect(metrics)
}

func collectSession(metrics chan<- prometheus.Metric, session *v1alpha1.BillingSession, stands standing) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		labels = append(labels, session.Namespace, session.Name)
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	at := func(desc *prometheus.Desc, t *metav1.Time) {
		if t != nil {
			gauge(desc, float64(t.Unix()))
		}
	}
	at(expirationDesc, session.Status.ExpirationTime)
	at(renewalDesc, session.Status.RenewalTime)
	ready := 0.0
	if stands.ready {
		ready = 1
	}
	gauge(readyDesc, ready)
	gauge(stateDesc, 1, string(stands.state), stands.reason)
}

// census is what there is to say of all sessions together.
type census struct {
	sessions map[stateAndReason]int
	// earliest is when the first URL expires that is alive.
	earliest map[state]time.Time
}

// newCensus has each state, also while no session is in it: what is sometimes not
// there can hardly be asked for.
func newCensus() *census {
	return &census{
		sessions: map[stateAndReason]int{
			{stateReady, v1alpha1.ReasonIssued}:        0,
			{stateFailing, v1alpha1.ReasonUnavailable}: 0,
			{stateExpired, v1alpha1.ReasonExpired}:     0,
			{stateUnissued, reasonPending}:             0,
			{stateSuspended, v1alpha1.ReasonSuspended}: 0,
		},
		earliest: map[state]time.Time{},
	}
}

func (c *census) add(session *v1alpha1.BillingSession, stands standing) {
	c.sessions[stands.stateAndReason]++
	if !stands.ready {
		return
	}
	expires := ExpiryOf(&session.Status)
	if first, ok := c.earliest[stands.state]; !ok || expires.Before(first) {
		c.earliest[stands.state] = expires
	}
}

func (c *census) collect(metrics chan<- prometheus.Metric) {
	for of, n := range c.sessions {
		metrics <- prometheus.MustNewConstMetric(sessionsDesc, prometheus.GaugeValue, float64(n), string(of.state), of.reason)
	}
	for of, expires := range c.earliest {
		metrics <- prometheus.MustNewConstMetric(earliestDesc, prometheus.GaugeValue, float64(expires.Unix()), string(of))
	}
}
