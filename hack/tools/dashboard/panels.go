package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// Colours. A state has the same one in each panel.
const (
	green, yellow, orange, red = "green", "yellow", "orange", "red"
	blue, purple, grey         = "blue", "purple", "#808080"
	transparent, text          = "transparent", "text"
)

// colour is what a value or a series is painted with.
type colour struct{ name, colour string }

var states = []colour{{"ready", green}, {"failing", yellow}, {"expired", red}, {"unissued", orange}, {"suspended", grey}}

// step is where another colour begins.
type step struct {
	from   float64
	colour string
}

// thresholds are steps, as a builder.
type thresholds dashboard.ThresholdsConfig

// Build implements cog.Builder.
func (t thresholds) Build() (dashboard.ThresholdsConfig, error) {
	return dashboard.ThresholdsConfig(t), nil
}

// steps are a colour for what is below all of them, and the others.
func steps(base string, others ...step) thresholds {
	t := thresholds{Mode: dashboard.ThresholdsModeAbsolute, Steps: []dashboard.Threshold{{Color: base}}}
	for _, s := range others {
		t.Steps = append(t.Steps, dashboard.Threshold{Color: s.colour, Value: &s.from})
	}
	return t
}

// number is a panel with one number, of the whole time that is shown.
func number(title, description, expr string, levels thresholds) *stat.PanelBuilder {
	return stat.NewPanelBuilder().
		Title(title).Description(description).Datasource(prometheusSource()).
		Height(4).Span(4).
		Unit(units.Short).Thresholds(levels).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)).
		ColorMode(common.BigValueColorModeBackgroundSolid).GraphMode(common.BigValueGraphModeArea).
		Orientation(common.VizOrientationAuto).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		WithTarget(series(title, expr))
}

// numberNow is a number of the last moment, without a graph behind it.
func numberNow(title, description, legend, expr string, levels thresholds) *stat.PanelBuilder {
	return number(title, description, expr, levels).
		GraphMode(common.BigValueGraphModeNone).
		Targets([]cog.Builder[variants.Dataquery]{series(legend, expr).Instant()})
}

// lines is a panel with a line for each series.
func lines(title, description, unit string, queries ...*prometheus.DataqueryBuilder) *timeseries.PanelBuilder {
	p := timeseries.NewPanelBuilder().
		Title(title).Description(description).Datasource(prometheusSource()).
		Height(8).Span(10).
		Unit(unit).Thresholds(steps(green)).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdPaletteClassic)).
		DrawStyle(common.GraphDrawStyleLine).LineWidth(2).FillOpacity(10).AxisSoftMin(0).
		ShowPoints(common.VisibilityModeNever).SpanNulls(common.BoolOrFloat64{Bool: cog.ToPtr(false)}).
		Legend(legend(common.LegendPlacementBottom)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	for i, query := range queries {
		p.WithTarget(query.RefId(string(rune('A' + i))))
	}
	return p
}

// stacked is a panel with the series one on the other.
func stacked(title, description, unit string, queries ...*prometheus.DataqueryBuilder) *timeseries.PanelBuilder {
	return lines(title, description, unit, queries...).
		LineWidth(1).FillOpacity(70).Min(0).
		Stacking(common.NewStackingConfigBuilder().Group("A").Mode(common.StackingModeNormal))
}

// bound draws the thresholds as lines.
func bound() cog.Builder[common.GraphThresholdsStyleConfig] {
	return common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeLine)
}

func legend(placement common.LegendPlacement) cog.Builder[common.VizLegendOptions] {
	return common.NewVizLegendOptionsBuilder().
		DisplayMode(common.LegendDisplayModeTable).Placement(placement).ShowLegend(true).
		Calcs([]string{"lastNotNull", "max"})
}

// painted gives series their colours.
func painted(p *timeseries.PanelBuilder, colours ...colour) *timeseries.PanelBuilder {
	for _, c := range colours {
		p.OverrideByName(c.name, []dashboard.DynamicConfigValue{
			{Id: "color", Value: map[string]string{"mode": "fixed", "fixedColor": c.colour}},
		})
	}
	return p
}

// series is a query for values over the time shown.
func series(legend, expr string) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().
		Datasource(prometheusSource()).EditorMode(prometheus.QueryEditorModeCode).
		Format(prometheus.PromQueryFormatTimeSeries).Range().
		RefId("A").LegendFormat(legend).Expr(expr)
}

// cells is a query for a table.
func cells(expr string) *prometheus.DataqueryBuilder {
	return series("__auto", expr).Format(prometheus.PromQueryFormatTable).Instant()
}

// column is a label or a value of a table, and its heading.
type column struct{ field, heading string }

// listing is a table with these columns. It is sorted by one of them. Of several queries, the
// rows with the same labels become one.
func listing(title, description, none, sortBy string, columns []column, queries ...*prometheus.DataqueryBuilder) *table.PanelBuilder {
	p := table.NewPanelBuilder().
		Title(title).Description(description).Datasource(prometheusSource()).
		Height(9).Span(14).
		Unit(units.Short).Thresholds(steps(green)).NoValue(none).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)).
		Filterable(true).CellHeight(common.TableCellHeightSm).
		SortBy([]cog.Builder[common.TableSortByFieldState]{common.NewTableSortByFieldStateBuilder().DisplayName(sortBy)})
	for i, query := range queries {
		p.WithTarget(query.RefId(string(rune('A' + i))))
	}
	if len(queries) > 1 {
		p.WithTransformation(dashboard.DataTransformerConfig{Id: "merge", Options: struct{}{}})
	}
	return p.WithTransformation(organized(columns, len(queries)))
}

// organized orders and names the columns, and leaves out the values that have no heading.
func organized(columns []column, queries int) dashboard.DataTransformerConfig {
	order, names := map[string]int{}, map[string]string{}
	for i, c := range columns {
		order[c.field], names[c.field] = i, c.heading
	}
	excluded := map[string]bool{"Time": true}
	for _, value := range values(queries) {
		if _, shown := names[value]; !shown {
			excluded[value] = true
		}
	}
	return dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
		"excludeByName": excluded, "indexByName": order, "renameByName": names,
	}}
}

// values are what Grafana calls the values of the queries.
func values(queries int) []string {
	if queries == 1 {
		return []string{"Value"}
	}
	var names []string
	for i := range queries {
		names = append(names, "Value #"+string(rune('A'+i)))
	}
	return names
}

// mapped paints the cells of a column by their text.
func mapped(p *table.PanelBuilder, heading string, width int, colours ...colour) *table.PanelBuilder {
	options := map[string]dashboard.ValueMappingResult{}
	for i, c := range colours {
		options[c.name] = dashboard.ValueMappingResult{Text: &c.name, Color: &c.colour, Index: cog.ToPtr(int32(i))}
	}
	return p.OverrideByName(heading, []dashboard.DynamicConfigValue{
		{Id: "mappings", Value: []dashboard.ValueMap{{Type: dashboard.MappingTypeValueToText, Options: options}}},
		{Id: "custom.cellOptions", Value: map[string]string{"type": "color-background", "mode": "basic"}},
		{Id: "custom.width", Value: width},
	})
}
