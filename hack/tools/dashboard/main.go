// Command dashboard writes the dashboard to a file. Whoever is called at night reads its rows
// from the top; each row has a file here.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

const runbooks = "https://github.com/xtracta/billing-operator/blob/main/config/prometheus/runbooks.md"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dashboard FILE")
		os.Exit(2)
	}
	text, err := generate()
	if err == nil {
		err = os.WriteFile(os.Args[1], text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func generate() ([]byte, error) {
	b := &board{builder: dashboard.NewDashboardBuilder("BillingSession operator"). //nolint:staticcheck // see board
											Uid("billing-operator").
											Description("Is anything broken now, what breaks next, is the endpoint well, who holds up the others, is the operator well.").
											Tags([]string{"billing-operator"}).
											Version(1).
											Editable().
											Tooltip(dashboard.DashboardCursorSyncCrosshair).
											Refresh("30s").
											Time("now-3h", "now").
											Timezone("").
											Link(dashboard.NewDashboardLinkBuilder("Runbooks").
												Type(dashboard.DashboardLinkTypeLink).Icon("doc").Url(runbooks).TargetBlank(true)).
											WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Prometheus").Type("prometheus")).
											WithVariable(labelValues("job", "Operator", "Which installs of the operator.",
			"label_values(billingsession_requests_total, job)")).
		WithVariable(labelValues("namespace", "Namespace",
			"Of the sessions. Numbers over all sessions, and what is said of the endpoint and of the operator, do not depend on it.",
			`label_values(billingsession_ready{job=~"$job"}, namespace)`)),
	}
	b.row("Is anything broken now?", broken()...)
	b.row("What breaks next?", next()...)
	b.row("Is the endpoint well?", endpoint()...)
	b.row("Who holds up the others?", others()...)
	b.row("Is the operator well?", operator()...)
	built, err := b.builder.Build()
	if err != nil {
		return nil, err
	}
	built.Links[0].Placement = nil // beside the variables, not in the menu of newer Grafanas
	text, err := json.MarshalIndent(built, "", "  ")
	return append(text, '\n'), err
}

// labelValues is a variable with the values of a label, all of them at first.
func labelValues(name, label, description, query string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).
		Label(label).
		Description(description).
		Datasource(prometheusSource()).
		Query(dashboard.StringOrMap{Map: map[string]any{
			"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery",
		}}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc).
		Multi(true).
		IncludeAll(true).
		AllValue(".*").
		Current(dashboard.VariableOption{
			Selected: cog.ToPtr(true),
			Text:     dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value:    dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		})
}

// prometheusSource is the Prometheus that was chosen.
func prometheusSource() common.DataSourceRef {
	return common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}
}

// board numbers the panels. Their places come from their order, widths and heights.
type board struct {
	// The SDK prefers the second schema of dashboards, which older Grafanas do not read.
	builder *dashboard.DashboardBuilder //nolint:staticcheck // see above
	id      uint32
}

type panel = cog.Builder[dashboard.Panel]

func (b *board) row(title string, panels ...panel) {
	b.id++
	b.builder.WithRow(dashboard.NewRowBuilder(title).Id(b.id))
	for _, p := range panels {
		b.id++
		b.builder.WithPanel(numbered{p, b.id})
	}
}

// numbered is a panel with a number.
type numbered struct {
	panel
	id uint32
}

func (n numbered) Build() (dashboard.Panel, error) {
	built, err := n.panel.Build()
	built.Id = &n.id
	return built, err
}
