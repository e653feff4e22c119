package observability

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

// dashboard is what counts here of one.
type dashboard struct {
	Panels     []panel
	Templating struct{ List []variable }
}

// panel is a row, or a panel of the row before it.
type panel struct {
	Type, Title, Description string
	Datasource               struct{ UID string }
	FieldConfig              struct {
		Defaults struct {
			Unit       string
			Thresholds struct{ Steps []any }
		}
	}
	Targets []struct {
		Datasource                struct{ UID string }
		Expr, LegendFormat, RefID string
	}
}

type variable struct {
	Name, Type string
	Query      any
}

// shippedDashboard is the one that Grafana's sidecar finds.
func shippedDashboard(t *testing.T) dashboard {
	t.Helper()
	const folder = "grafana"
	object := manifests.Only[corev1.ConfigMap](t, manifests.Rendered(t, folder), "ConfigMap")
	if object.Labels["grafana_dashboard"] != "1" || len(object.Data) != 1 {
		t.Errorf("config/%s is a ConfigMap with labels %v and %d files, of which no sidecar makes a dashboard",
			folder, object.Labels, len(object.Data))
	}
	var d dashboard
	for _, text := range object.Data {
		decode(t, []byte(text), &d)
	}
	return d
}

// No Grafana is at hand that could show it: this is what would look wrong at once. Where the panels lie,
// Grafana's own builder has decided.
func TestPanelsCanBeRead(t *testing.T) {
	d := shippedDashboard(t)
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.FieldConfig.Defaults.Thresholds.Steps) == 0 {
			t.Errorf("%q lacks a description, a unit or thresholds", p.Title)
		}
		for _, target := range p.Targets {
			if p.Datasource.UID != "${datasource}" || target.Datasource.UID != "${datasource}" {
				t.Errorf("%q does not ask the Prometheus that was chosen", p.Title)
			}
			if target.LegendFormat == "" || p.Type == "timeseries" && target.LegendFormat == "__auto" {
				t.Errorf("%q has no legend for %s", p.Title, target.Expr)
			}
			if !strings.Contains(target.Expr, `job=~"$job"`) && !strings.Contains(target.Expr, "ALERTS") {
				t.Errorf("%q is not of the operator that was chosen: %s", p.Title, target.Expr)
			}
		}
	}
}
