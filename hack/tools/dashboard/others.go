package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// others shows namespaces, not $namespace: whoever asks does not know yet which one it is.
func others() []panel {
	return []panel{
		stacked("Requests that wait, by namespace",
			"For their turn with the endpoint. Half of all turns go round the namespaces: one with many more than the rest holds them up, "+
				"but does not keep them from theirs.",
			units.Short,
			series("{{namespace}}", `sum by (namespace) (billingsession_namespace_queued_requests{job=~"$job"})`)).
			Span(12).Decimals(0).NoValue("Nothing waits"),
		stacked("Sessions that wait for a person, by namespace",
			"Rejected or missing keys, and Secrets that cannot be written or are fought over. They are asked for again less and less often.",
			units.Short,
			series("{{namespace}}: {{reason}}", `sum by (namespace, reason) (billingsession_namespace_blocked_sessions{job=~"$job"})`)).
			Span(12).Decimals(0).NoValue("None").Legend(legend(common.LegendPlacementRight)),
	}
}
