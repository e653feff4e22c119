package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// firstToExpire are the twenty URLs that expire first, with the seconds that they have left.
const firstToExpire = `bottomk(20, min by (namespace, name) (billingsession_expiration_timestamp_seconds` + sessions +
	` unless on (namespace, name) billingsession_state{state="expired"}) - time())`

func next() []panel {
	return []panel{
		nextToExpire(),
		painted(lines("Life left of the URL that expires first",
			"By state, over all sessions of the operator. “failing” shows how much time is left to mend something; "+
				"below zero would be a URL that expired unnoticed.",
			units.Seconds,
			series("{{state}}", `min by (state) (billingsession_earliest_expiration_timestamp_seconds{job=~"$job"}) - time()`)),
			states...).
			Height(9).Thresholds(steps(red, step{0, transparent})).ThresholdsStyle(bound()),
		lines("Life left when a URL was replaced",
			"The margin that renewals really had. A mounted Secret follows a renewal within 90 seconds: below that, pods hold an expired URL for a while.",
			units.Seconds,
			quantile("median", "0.5", `billingsession_renewal_margin_seconds_bucket{job=~"$job"}`),
			quantile("one of twenty has less", "0.05", `billingsession_renewal_margin_seconds_bucket{job=~"$job"}`)).
			Span(14).Legend(legend(common.LegendPlacementRight)).Thresholds(steps(red, step{90, transparent})).ThresholdsStyle(bound()),
		lines("Renewals that are late",
			"How late the operator is with the renewal that is due longest, of sessions that nothing else is wrong with. "+
				"More than some seconds means that it does not get round to it: see the last row.",
			units.Seconds,
			series("{{job}}", `clamp_min(time() - min by (job) (billingsession_renewal_timestamp_seconds`+sessions+
				` and on (namespace, name) billingsession_state{state="ready"}), 0)`)).
			Thresholds(steps(transparent, step{60, red})).ThresholdsStyle(bound()),
		lines("How long sessions waited for a URL",
			"What one session of twenty exceeded, by why it wanted one. NoneAlive: it had none, since it was created or its last one expired. "+
				"RenewalDue: since its renewal time. Waits for a person do not count.",
			units.Seconds,
			series("{{cause}}", `histogram_quantile(0.95, sum by (le, cause) (rate(billingsession_url_wait_seconds_bucket{job=~"$job"}[$__rate_interval])))`)).
			Span(14).Legend(legend(common.LegendPlacementRight)),
		lines("Renewals that came late",
			"The share that left less than half of the planned margin. Of some renewals there may be one after a failure; if it lasts, see the last row.",
			units.PercentUnit,
			series("{{job}}", `sum by (job) (rate(billingsession_renewal_margin_ratio_bucket{job=~"$job",le="0.5"}[$__rate_interval]))`+
				` / sum by (job) (rate(billingsession_renewal_margin_ratio_count{job=~"$job"}[$__rate_interval]))`)).
			Min(0).Max(1).Thresholds(steps(transparent, step{0.05, red})).ThresholdsStyle(bound()),
	}
}

func nextToExpire() panel {
	whole := []dashboard.DynamicConfigValue{{Id: "unit", Value: units.Seconds}, {Id: "decimals", Value: 0}}
	p := listing("Next to expire",
		"The twenty URLs that expire first, and when they are to be replaced. A URL in state “ready” is replaced in time as a rule; "+
			"one that is “failing” is tried again at “Renews in”.",
		"No URL is alive", "Expires in",
		[]column{{"namespace", "Namespace"}, {"name", "Session"}, {"state", "State"}, {"Value #A", "Expires in"}, {"Value #B", "Renews in"}},
		cells(firstToExpire),
		cells(`(min by (namespace, name) (billingsession_renewal_timestamp_seconds`+sessions+`) - time()) and on (namespace, name) `+firstToExpire),
		cells(`max by (namespace, name, state) (billingsession_state`+sessions+`) and on (namespace, name) `+firstToExpire))
	return mapped(p, "State", 110, states...).
		OverrideByName("Expires in", append(whole,
			dashboard.DynamicConfigValue{Id: "thresholds", Value: dashboard.ThresholdsConfig(steps(red, step{60, orange}, step{120, text}))},
			dashboard.DynamicConfigValue{Id: "custom.cellOptions", Value: map[string]string{"type": "color-text"}})).
		OverrideByName("Renews in", whole)
}
