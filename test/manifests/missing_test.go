package manifests_test

import "testing"

// everything switches on all that is off by default, so that each value counts.
const everything = `
metrics: {serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}}
dashboard: {enabled: true}
networkPolicy: {enabled: true}
proxy: {secret: {name: proxy}}
endpoint: {ca: {configMap: corporate}}
`

// A program that writes values writes null for a field that it leaves empty.
func TestNullMeansTheDefault(t *testing.T) {
	defaults := parsed(t, chartFile(t, "values.yaml"))
	for _, values := range []string{"", everything} {
		want, set := mustTemplate(t, chart, values), parsed(t, values)
		for what, nulls := range map[string]map[string]any{
			"each value": nulled(defaults, set, false), "each group": nulled(defaults, set, true),
		} {
			if got := mustTemplate(t, chart, marshalled(t, nulls)); got != want {
				t.Errorf("null for %s but these does not render what the default does: %s", what, values)
			}
		}
	}
	if mustTemplate(t, chart, `{replicas: null, image: {pullSecrets: null}, crds: {install: null}}`) != mustTemplate(t, chart, "") {
		t.Error("a null under a former name changes something")
	}
}

// nulled has null for each of the chart's values but those that are set, or for each group of
// values of which none is set.
func nulled(defaults, set map[string]any, groups bool) map[string]any {
	all := map[string]any{}
	for name, value := range defaults {
		group, _ := value.(map[string]any)
		switch other, found := set[name]; {
		case len(group) > 0 && (found || !groups):
			within, _ := other.(map[string]any)
			all[name] = nulled(group, within, groups)
		default:
			all[name] = other
		}
	}
	return all
}

// With --reuse-values Helm renders this chart with the values of an older one. Here
// it is one that lacks all values, or all within groups.
func TestValuesOfAnOlderChartAreCompleted(t *testing.T) {
	want := mustTemplate(t, chart, everything)
	groups := map[string]any{}
	for name, value := range parsed(t, chartFile(t, "values.yaml")) {
		if _, isGroup := value.(map[string]any); isGroup {
			groups[name] = map[string]any{}
		}
	}
	for what, values := range map[string]map[string]any{"all": {}, "all within groups": groups} {
		if got := mustTemplate(t, chartWith(t, "values.yaml", marshalled(t, values)), everything); got != want {
			t.Errorf("where %s is missing, it is not the default", what)
		}
	}
}
