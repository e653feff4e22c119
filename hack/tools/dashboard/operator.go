package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

const passes = `controller_runtime_reconcile_time_seconds_bucket{job=~"$job",controller="billingsession"}`

func operator() []panel {
	return append(running(),
		lines("Queues", "Sessions that are to be looked at, and requests that wait for their turn with the endpoint.", units.Short,
			series("sessions to look at", `sum(workqueue_depth{job=~"$job",name="billingsession"})`),
			series("requests that wait", `sum(billingsession_queued_requests{job=~"$job"})`)).
			Span(8).Min(0).Decimals(0),
		painted(stacked("Passes over sessions", "By result: success, requeue_after (looked at again later), requeue or error.", units.OpsPerSecond,
			series("{{result}}", `sum by (result) (rate(controller_runtime_reconcile_total{job=~"$job",controller="billingsession"}[$__rate_interval]))`)),
			colour{"error", red}).
			Span(8),
		lines("How long passes take", "A pass that asks the endpoint takes as long as that.", units.Seconds,
			quantile("median", "0.5", passes),
			quantile("one of a hundred takes more", "0.99", passes)).
			Span(8).Min(0),
		stacked("Calls to the API server",
			"By HTTP status. Lasting 403 means that permissions are lacking, 429 and 5xx that the API server is not well.", units.RequestsPerSecond,
			series("{{code}}", `sum by (code) (rate(rest_client_requests_total{job=~"$job"}[$__rate_interval]))`)).
			Span(8),
		lines("Memory", "Grows with the number of Secrets in the namespaces served.", units.BytesIEC,
			series("{{pod}}", `process_resident_memory_bytes{job=~"$job"}`)).
			Span(8).Min(0),
		lines("Processor", "Cores.", units.Short,
			series("{{pod}}", `rate(process_cpu_seconds_total{job=~"$job"}[$__rate_interval])`)).
			Span(8).Min(0),
	)
}

func running() []panel {
	return []panel{
		number("Replicas", "How many are scraped. One works, the others stand by; two are the default.",
			`count(billingsession_requests_total{job=~"$job",outcome="granted"}) or vector(0)`,
			steps(red, step{1, yellow}, step{2, green})).
			GraphMode(common.BigValueGraphModeNone),
		numberNow("Leader", "The pod that works. Without one no URL is replaced.", "{{pod}}",
			`group by (pod) (billingsession_sessions{job=~"$job"})`, steps(green)).
			Span(8).TextMode(common.BigValueTextModeName).NoValue("nobody"),
		number("Requests that wait",
			"For their turn with the endpoint: for --endpoint-qps, for --concurrency, or for the first with a key. "+
				"If it does not go back to nothing, raise what holds them back.",
			`sum(billingsession_queued_requests{job=~"$job"})`, steps(green, step{1, yellow}, step{100, orange})),
		numberNow("Failed passes", "Reconciles that ended with an error in the time shown: the API server refuses or fails. The log says more.",
			"Failed passes",
			`sum(increase(controller_runtime_reconcile_errors_total{job=~"$job",controller="billingsession"}[$__range]))`,
			steps(green, step{1, yellow})).
			Decimals(0),
		number("Running for", "The replica that was started last.",
			`time() - max(process_start_time_seconds{job=~"$job"})`, steps(yellow, step{600, green})).
			Unit(units.Seconds).Decimals(0).GraphMode(common.BigValueGraphModeNone),
	}
}
