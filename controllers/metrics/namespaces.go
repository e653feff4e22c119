package metrics

import "github.com/prometheus/client_golang/prometheus"

// NewNamespaceWatched registers the gauge of the namespaces that were named to be served.
func NewNamespaceWatched(registry prometheus.Registerer) *prometheus.GaugeVec {
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "billingsession_namespace_watched",
		Help: "1 for a namespace of --watch-namespaces that can be watched, 0 for one that cannot: there is none, or the permissions are missing.",
	}, []string{"namespace"})
	registry.MustRegister(gauge)
	return gauge
}
