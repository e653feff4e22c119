package main

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

const (
	sessions = `{job=~"$job",namespace=~"$namespace"}`
	trouble  = `{job=~"$job",namespace=~"$namespace",state=~"failing|expired|unissued"}`
)

func broken() []panel {
	return []panel{
		number("Alerts", "How many alerts are firing. “Runbooks” above has one for each. 0 also where the alerts are not installed.",
			`count(ALERTS{alertname=~"Billing.+",alertstate="firing"}) or vector(0)`, steps(green, step{1, red})),
		inState("Expired", "Sessions whose last URL has expired: nobody gets to their billing page.", "expired", steps(green, step{1, red})),
		inState("Unissued", "Sessions that have no URL for their key and fields yet. A moment after they were created that is nothing to worry about.",
			"unissued", steps(green, step{1, orange})),
		inState("Failing", "Sessions whose URL works, but cannot be replaced: they expire next, unless that is mended.",
			"failing", steps(green, step{1, yellow})),
		inState("Ready", "Sessions with a URL that works and nothing to worry about.", "ready", steps(green)),
		inState("Suspended", "Sessions that a person has suspended: no URL is asked for.", "suspended", steps(grey)),
		whatIsWrong(),
		byState(),
		alerts(),
		reasons(),
	}
}

// inState counts the sessions in a state. Where the manager has no series for each session, it
// counts those of all namespaces.
func inState(title, description, state string, levels thresholds) panel {
	return number(title, description, fmt.Sprintf(`sum(billingsession_state{job=~"$job",namespace=~"$namespace",state=%q})
  or 0 * count(billingsession_ready%s)
  or sum(billingsession_sessions{job=~"$job",state=%[1]q})`, state, sessions), levels)
}

func whatIsWrong() panel {
	p := listing("What is wrong",
		"The sessions in trouble, what the trouble is, and until when their URL works. "+
			"“kubectl billing explain NAME -n NAMESPACE” says what to do. Empty is good.",
		"Nothing", "State",
		[]column{{"namespace", "Namespace"}, {"name", "Session"}, {"state", "State"}, {"reason", "Reason"}, {"Value #B", "Works until"}},
		cells(`max by (namespace, name, state, reason) (billingsession_state`+trouble+`)`),
		// Grafana counts milliseconds.
		cells(`1000 * max by (namespace, name) (billingsession_expiration_timestamp_seconds`+sessions+
			` and on (namespace, name) billingsession_state`+trouble+`)`))
	return mapped(p, "State", 110, states...).
		OverrideByName("Works until", []dashboard.DynamicConfigValue{{Id: "unit", Value: units.DateTimeFromNow}})
}

func byState() panel {
	return painted(stacked("Sessions by state", "How many sessions stand how.", units.Short,
		series("{{state}}", `sum by (state) (billingsession_state`+sessions+`)`+
			` or sum by (state) (billingsession_sessions{job=~"$job"} unless on (job) billingsession_ready)`)),
		states...).Height(9).Decimals(0)
}

func alerts() panel {
	p := listing("Alerts that wait or fire", "Pending ones have been true for less than their “for”.", "None", "Severity",
		[]column{{"severity", "Severity"}, {"alertstate", "Now"}, {"alertname", "Alert"}, {"namespace", "Namespace"}, {"name", "Session"}},
		cells(`max by (alertname, alertstate, severity, namespace, name) (ALERTS{alertname=~"Billing.+"})`))
	return mapped(p, "Severity", 100, colour{"critical", red}, colour{"warning", orange}).
		OverrideByName("Now", []dashboard.DynamicConfigValue{{Id: "custom.width", Value: 90}}).
		Height(7)
}

func reasons() panel {
	return stacked("Why", "Sessions that are failing, expired or unissued, by the reason.", units.Short,
		series("{{reason}}", `sum by (reason) (billingsession_state`+trouble+`)`+
			` or sum by (reason) (billingsession_sessions{job=~"$job",state=~"failing|expired|unissued"} unless on (job) billingsession_ready)`)).
		Height(7).Decimals(0).NoValue("Nothing is wrong")
}
