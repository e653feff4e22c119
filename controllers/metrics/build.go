package metrics

import "github.com/prometheus/client_golang/prometheus"

// RegisterBuildInfo shows which build runs. Its value is always 1, so that joining it to
// another series adds the labels and changes nothing.
func RegisterBuildInfo(registry prometheus.Registerer, version, revision, goVersion string) {
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "billing_operator_build_info",
		Help: "1, with the operator's version, the commit that it was built from, and the version of Go that built it as labels.",
	}, []string{"version", "revision", "goversion"})
	gauge.WithLabelValues(version, revision, goVersion).Set(1)
	registry.MustRegister(gauge)
}
