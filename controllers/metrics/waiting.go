package metrics

import "github.com/prometheus/client_golang/prometheus"

var waitingDesc = prometheus.NewDesc("billingsession_namespace_queued_requests",
	"Requests that wait for their turn with the endpoint, by namespace.", []string{"namespace"}, nil)

// waiting collects what waits in each namespace when Prometheus scrapes.
type waiting struct {
	leading     <-chan struct{}
	byNamespace func() map[string]int
}

// RegisterWaiting shows how many requests of each namespace wait for their turn, so that
// people see whose they are. leading is closed once this process leads.
func (m *Requests) RegisterWaiting(leading <-chan struct{}, byNamespace func() map[string]int) {
	m.registry.MustRegister(&waiting{leading, byNamespace})
}

// Describe implements prometheus.Collector.
func (*waiting) Describe(descs chan<- *prometheus.Desc) { descs <- waitingDesc }

// Collect implements prometheus.Collector.
func (w *waiting) Collect(metrics chan<- prometheus.Metric) {
	if !isClosed(w.leading) {
		return
	}
	for namespace, n := range w.byNamespace() {
		metrics <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(n), namespace)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
