package main

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

const durations = `billingsession_request_duration_seconds_bucket{job=~"$job"}`

func endpoint() []panel {
	return []panel{
		number("Last URL granted", "For how long the endpoint has granted nothing. As a rule less than the life of a URL.",
			`time() - max(billingsession_last_request_timestamp_seconds{job=~"$job",outcome="granted"} > 0)`,
			steps(green, step{600, yellow}, step{3600, orange})).
			Span(6).Unit(units.Seconds).Decimals(0).GraphMode(common.BigValueGraphModeNone),
		numberNow("Requests granted", "Of all requests in the time shown.", "Requests granted",
			`sum(increase(billingsession_requests_total{job=~"$job",outcome="granted"}[$__range])) / sum(increase(billingsession_requests_total{job=~"$job"}[$__range]))`,
			steps(red, step{0.9, yellow}, step{0.99, green})).
			Span(6).Unit(units.PercentUnit).Decimals(1).Min(0).Max(1),
		numberNow("Slow answers", "What one request of twenty exceeds. They are given up after --endpoint-timeout.", "Slow answers",
			`histogram_quantile(0.95, sum by (le) (increase(`+durations+`[$__range])))`,
			steps(green, step{2.5, yellow}, step{5, orange})).
			Span(6).Unit(units.Seconds),
		number("Its clock is ahead by",
			"Measured at the last grant, and taken into account by the operator. Mostly it is the node's clock that is wrong.",
			`max(billingsession_endpoint_clock_skew_seconds{job=~"$job"}) > 0 or min(billingsession_endpoint_clock_skew_seconds{job=~"$job"})`,
			steps(red, step{-30, yellow}, step{-5, green}, step{5, yellow}, step{30, red})).
			Span(6).Unit(units.Seconds),
		painted(stacked("Requests by what came of them",
			"Requests a minute. granted: a URL. rejected: a person must act. throttled: everyone with that key must wait. "+
				"unavailable: no answer, or a failure. malformed: not what the endpoint's document says.",
			units.RequestsPerMinute,
			series("{{outcome}}", `60 * sum by (outcome) (rate(billingsession_requests_total{job=~"$job"}[$__rate_interval]))`)),
			colour{"granted", green}, colour{"rejected", red}, colour{"throttled", blue}, colour{"unavailable", orange}, colour{"malformed", purple}).
			Span(14).DrawStyle(common.GraphDrawStyleBars).Legend(legend(common.LegendPlacementRight)),
		lines("How long requests take", "Up to --endpoint-timeout (10 seconds by default), after which a request is given up as unavailable.",
			units.Seconds,
			quantile("median", "0.5", durations),
			quantile("one of twenty takes more", "0.95", durations),
			quantile("one of a hundred takes more", "0.99", durations)).
			Min(0),
	}
}

// quantile is one of a histogram.
func quantile(legend, q, buckets string) *prometheus.DataqueryBuilder {
	return series(legend, fmt.Sprintf(`histogram_quantile(%s, sum by (le) (rate(%s[$__rate_interval])))`, q, buckets))
}
