// Package metrics holds what Prometheus scrapes: counts of the requests to the endpoint,
// and how the sessions stand.
package metrics

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
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
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:                            "billingsession_request_duration_seconds",
			Help:                            "How long requests to the endpoint took.",
			Buckets:                         []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30},
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}),
		margin: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:                            "billingsession_renewal_margin_seconds",
			Help:                            "Life that was left of a URL when it was replaced; 0 when it had expired.",
			Buckets:                         []float64{0, 10, 30, 60, 90, 120, 300, 600, 3600, 21600, 86400},
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}),
		marginLeft: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:                            "billingsession_renewal_margin_ratio",
			Help:                            "Life that was left of a URL when it was renewed, as a share of the margin that was planned: 1 or more in time, 0 when it had expired. Renewals that waited for a person are left out.",
			Buckets:                         []float64{0, .1, .25, .5, .75, .9, 1},
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                            "billingsession_url_wait_seconds",
			Help:                            "How long sessions waited for a URL, by why it was wanted: from its creation, its expiry or its renewal time to the URL in the Secret. Waits for a person are left out.",
			Buckets:                         []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800},
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}, []string{"cause"}),
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
	for _, cause := range []renewal.Cause{renewal.NoneAlive, renewal.InputsChanged, renewal.RenewalDue, renewal.Requested} {
		m.wait.WithLabelValues(string(cause))
	}
	return m
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

// ObserveRenewal records the life left of the URL that a new one replaced.
func (m *Requests) ObserveRenewal(replaced *renewal.Grant, now time.Time) {
	m.margin.Observe(max(replaced.ExpiresAt().Sub(now), 0).Seconds())
}

// ObserveWait records a wait that ended at now, with a new URL in the Secret.
func (m *Requests) ObserveWait(wait renewal.URLWait, renewBefore time.Duration, now time.Time) {
	m.wait.WithLabelValues(string(wait.Cause)).Observe(max(now.Sub(wait.Since), 0).Seconds())
	if share, ok := wait.MarginLeft(renewBefore, now); ok {
		m.marginLeft.Observe(share)
	}
}

// RegisterQueueLength shows how many requests wait for their turn.
func (m *Requests) RegisterQueueLength(waiting func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "billingsession_queued_requests",
		Help: "Requests that wait for their turn with the endpoint: for its rate limit, or for others that are under way.",
	}, func() float64 { return float64(waiting()) }))
}
