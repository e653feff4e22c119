package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/status"
)

var (
	sessionsDesc = prometheus.NewDesc("billingsession_sessions",
		"Sessions, by how they stand and why.", []string{"state", "reason"}, nil)
	earliestDesc = prometheus.NewDesc("billingsession_earliest_expiration_timestamp_seconds",
		"When the first of the URLs that are alive expires, in UNIX time by our clock.", []string{"state"}, nil)

	blockedDesc = prometheus.NewDesc("billingsession_namespace_blocked_sessions",
		"Sessions that wait for a person, by why.", []string{"namespace", "reason"}, nil)

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

// Sessions collects the metrics of the sessions. It reads them from the cache when
// Prometheus scrapes, so that no series outlives its object.
type Sessions struct {
	// Cache is where it reads sessions.
	Cache client.Reader
	// Leading is closed once this process leads. Otherwise two replicas would report each
	// session twice.
	Leading <-chan struct{}
	// Clock tells which URLs have expired.
	Clock clock.PassiveClock
	// PerSession adds the series of each session to those of all together.
	PerSession bool
}

// Describe implements prometheus.Collector.
func (c *Sessions) Describe(descs chan<- *prometheus.Desc) {
	descs <- sessionsDesc
	descs <- earliestDesc
	descs <- blockedDesc
	if c.PerSession {
		descs <- expirationDesc
		descs <- renewalDesc
		descs <- readyDesc
		descs <- stateDesc
	}
}

// Collect implements prometheus.Collector.
func (c *Sessions) Collect(metrics chan<- prometheus.Metric) {
	if !isClosed(c.Leading) {
		return
	}
	var sessions v1alpha1.BillingSessionList
	if err := c.Cache.List(context.Background(), &sessions, client.UnsafeDisableDeepCopy); err != nil {
		return // the cache has not started
	}
	now, all := c.Clock.Now(), newTotals()
	for i := range sessions.Items {
		session := &sessions.Items[i]
		summary := status.Summarize(session, now)
		all.add(session, summary)
		if c.PerSession {
			collectSession(metrics, session, summary)
		}
	}
	all.collect(metrics)
}

func collectSession(metrics chan<- prometheus.Metric, session *v1alpha1.BillingSession, summary status.Summary) {
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
	if summary.Ready {
		ready = 1
	}
	gauge(readyDesc, ready)
	gauge(stateDesc, 1, string(summary.State), summary.Reason)
}

// stateAndReason are the labels of a count of sessions.
type stateAndReason struct {
	state  status.State
	reason string
}

// totals are what the metrics say of all sessions together.
type totals struct {
	sessions map[stateAndReason]int
	// earliest is when the first of the live URLs expires.
	earliest map[status.State]time.Time
	// blocked are the sessions that wait for a person.
	blocked map[namespaceAndReason]int
}

// namespaceAndReason are the labels of a count of blocked sessions.
type namespaceAndReason struct{ namespace, reason string }

// newTotals starts every state at 0, so that its series always exists: PromQL cannot tell
// "none" from "no data".
func newTotals() *totals {
	return &totals{
		sessions: map[stateAndReason]int{
			{status.StateReady, v1alpha1.ReasonIssued}:        0,
			{status.StateFailing, v1alpha1.ReasonUnavailable}: 0,
			{status.StateExpired, v1alpha1.ReasonExpired}:     0,
			{status.StateUnissued, status.ReasonPending}:      0,
			{status.StateSuspended, v1alpha1.ReasonSuspended}: 0,
		},
		earliest: map[status.State]time.Time{},
		blocked:  map[namespaceAndReason]int{},
	}
}

func (t *totals) add(session *v1alpha1.BillingSession, summary status.Summary) {
	t.sessions[stateAndReason{summary.State, summary.Reason}]++
	if summary.State != status.StateSuspended && status.NeedsPerson(summary.Reason) {
		t.blocked[namespaceAndReason{session.Namespace, summary.Reason}]++
	}
	if !summary.Ready {
		return
	}
	expires := status.ExpiryOf(&session.Status)
	if first, ok := t.earliest[summary.State]; !ok || expires.Before(first) {
		t.earliest[summary.State] = expires
	}
}

func (t *totals) collect(metrics chan<- prometheus.Metric) {
	for of, n := range t.sessions {
		metrics <- prometheus.MustNewConstMetric(sessionsDesc, prometheus.GaugeValue, float64(n), string(of.state), of.reason)
	}
	for of, expires := range t.earliest {
		metrics <- prometheus.MustNewConstMetric(earliestDesc, prometheus.GaugeValue, float64(expires.Unix()), string(of))
	}
	for of, n := range t.blocked {
		metrics <- prometheus.MustNewConstMetric(blockedDesc, prometheus.GaugeValue, float64(n), of.namespace, of.reason)
	}
}
