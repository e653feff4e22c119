package controllers

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/xtracta/billing-operator/controllers/renewal"
)

// Metrics of what was asked of the endpoint.
type Metrics struct {
	requests *prometheus.CounterVec
	duration prometheus.Histogram
	margin   prometheus.Histogram
	skew     prometheus.Gauge
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "billingsession_requests_total",
			Help: "Requests to the endpoint, by what came of them.",
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
		skew: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "billingsession_endpoint_clock_skew_seconds",
			Help: "How far the endpoint's clock was ahead of ours at the last grant; negative when behind.",
		}),
	}
	registry.MustRegister(m.requests, m.duration, m.margin, m.skew)
	return m
}

// observeRequest counts a request.
func (m *Metrics) observeRequest(a renewal.Answer, took time.Duration) {
	m.requests.WithLabelValues(strings.ToLower(string(a.Outcome))).Inc()
	m.duration.Observe(took.Seconds())
	if a.Grant != nil {
		m.skew.Set(a.Grant.Offset.Seconds())
	}
}

// observeRenewal notes the life left of the URL that a new one replaced.
func (m *Metrics) observeRenewal(replaced *renewal.Grant, now time.Time) {
	m.margin.Observe(max(replaced.ExpiresAt().Sub(now), 0).Seconds())
}
