package metrics

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func TestBuildInfo(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	RegisterBuildInfo(registry, "v0.1.0", "abc", "go1.26.8")
	want := map[string]float64{"goversion=go1.26.8 revision=abc version=v0.1.0": 1}
	if diff := cmp.Diff(want, series(t, registry, "billing_operator_build_info")); diff != "" {
		t.Error(diff)
	}
}
