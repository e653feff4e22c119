// Package metrics holds what Prometheus scrapes: counts of the requests to the endpoint,
// and how the sessions stand.
package metrics

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/status"
)

// Requests are the metrics of the requests to the endpoint.
type Requests struct {
	registry prometheus.Registerer

	requests    *prometheus.CounterVec
	lastRequest *prometheus.GaugeVec
	duration    prometheus.Histogram
	margin      prometheus.Histogram
	marginLeft  prometheus.Histogram
	wait        *prometheus.HistogramVec
	skew        prometheus.Gauge
}

// NewRequests registers the metrics.
func NewRequests(registry prometheus.Registerer) *Requests {
	m := &Requests{
		registry: registry,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "billingsession_requests_total",
			Help: "Requests to the endpoint, by what came of them.",
		}, []string{"outcome"}),
		lastRequest: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "billingsession_last_request_timestamp_seconds",
			Help: "When the last request to the endpoint was answered so, in UNIX time; 0 for never.",
		}, []string{"outcome"}),
		duration: prometheus.NewHistogram(histogramOpts("billingsession_request_duration_seconds",
			"How long requests to the endpoint took.",
			.05, .1, .25, .5, 1, 2.5, 5, 10, 30)),
		margin: prometheus.NewHistogram(histogramOpts("billingsession_renewal_margin_seconds",
			"Life that was left of a URL when it was replaced; 0 when it had expired.",
			0, 10, 30, 60, 90, 120, 300, 600, 3600, 21600, 86400)),
		marginLeft: prometheus.NewHistogram(histogramOpts("billingsession_renewal_margin_ratio",
			"Life that was left of a URL when it was renewed, as a share of the margin that was planned: 1 or more in time, 0 when it had expired. Renewals that waited for a person are left out.",
			0, .1, .25, .5, .75, .9, 1)),
		wait: prometheus.NewHistogramVec(histogramOpts("billingsession_url_wait_seconds",
			"How long sessions waited for a URL, by why it was wanted: from the creation or the last expiry (NoneAlive) or from the renewal time (RenewalDue) to the URL in the Secret. Waits for a person are left out.",
			.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800), []string{"cause"}),
		skew: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "billingsession_endpoint_clock_skew_seconds",
			Help: "How far the endpoint's clock was ahead of ours at the last grant; negative when behind.",
		}),
	}
	registry.MustRegister(m.requests, m.lastRequest, m.duration, m.margin, m.marginLeft, m.wait, m.skew)
	for _, outcome := range []v1alpha1.Outcome{
		v1alpha1.OutcomeGranted, v1alpha1.OutcomeRejected, v1alpha1.OutcomeThrottled,
		v1alpha1.OutcomeUnavailable, v1alpha1.OutcomeMalformed,
	} { // rate() does not see the first count of a counter that appears with it
		m.requests.WithLabelValues(label(outcome))
		m.lastRequest.WithLabelValues(label(outcome))
	}
	for _, cause := range []renewal.Cause{renewal.NoneAlive, renewal.RenewalDue} {
		m.wait.WithLabelValues(string(cause))
	}
	return m
}

// histogramOpts are those of a histogram in these buckets, and in native ones where Prometheus
// takes them.
func histogramOpts(name, help string, buckets ...float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
	}
}

// ObserveRequest counts a request.
func (m *Requests) ObserveRequest(r renewal.Result, took time.Duration) {
	m.requests.WithLabelValues(label(r.Outcome)).Inc()
	m.lastRequest.WithLabelValues(label(r.Outcome)).Set(float64(r.At.UnixMilli()) / 1000)
	m.duration.Observe(took.Seconds())
	if r.Grant != nil {
		m.skew.Set(r.Grant.Offset.Seconds())
	}
}

func label(outcome v1alpha1.Outcome) string { return strings.ToLower(string(outcome)) }

// ObserveStored records that a granted URL is in the Secret at now: the life left of the URL that
// it replaced, and how long it was waited for. f and p are what it was stored upon.
func (m *Requests) ObserveStored(session *v1alpha1.BillingSession, f renewal.Facts, p renewal.Plan, now time.Time) {
	if f.InSecret != nil {
		m.margin.Observe(max(f.InSecret.ExpiresAt().Sub(now), 0).Seconds())
	}
	since, ok := f.WantedSince(p)
	if !ok || waitedForPerson(&session.Status) {
		return
	}
	m.wait.WithLabelValues(string(p.Cause)).Observe(max(now.Sub(since), 0).Seconds())
	if share, ok := f.MarginLeft(now); ok {
		m.marginLeft.Observe(share)
	}
}

// waitedForPerson reports whether a URL was late for a reason that only a person could remove, as
// the status tells until it is written again. A key that was missing for a week would otherwise
// hide how fast the operator is.
func waitedForPerson(s *v1alpha1.BillingSessionStatus) bool {
	reason := status.ReasonOf(s)
	wasSuspended := reason == v1alpha1.ReasonSuspended || reason == v1alpha1.ReasonIssued && s.RenewalTime == nil
	return wasSuspended || status.NeedsPerson(reason)
}

// RegisterQueueLength shows how many requests wait for their turn.
func (m *Requests) RegisterQueueLength(waiting func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "billingsession_queued_requests",
		Help: "Requests that wait for their turn with the endpoint: for its rate limit, or for others that are under way.",
	}, func() float64 { return float64(waiting()) }))
}
