package metrics

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func TestBuildInfo(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	RegisterBuildInfo(registry, "v0.1.0", "abc", "go1.26.8")
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || len(families[0].GetMetric()) != 1 {
		t.Fatalf("got %v, %v", families, err)
	}
	metric, labels := families[0].GetMetric()[0], map[string]string{}
	for _, pair := range metric.GetLabel() {
		labels[pair.GetName()] = pair.GetValue()
	}
	want := map[string]string{"version": "v0.1.0", "revision": "abc", "goversion": "go1.26.8"}
	if diff := cmp.Diff(want, labels); diff != "" {
		t.Errorf("the labels (-want +got):\n%s", diff)
	}
	if name := families[0].GetName(); name != "billing_operator_build_info" || metric.GetGauge().GetValue() != 1 {
		t.Errorf("got %s %v", name, metric)
	}
}
