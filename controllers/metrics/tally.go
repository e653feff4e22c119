package metrics

import (
	"cmp"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// maxNamespaces is how many namespaces have series of their own. Otherwise whoever may
	// create namespaces could fill Prometheus.
	maxNamespaces = 20
	// otherNamespaces is the label of all further namespaces together. No namespace can have
	// this name, as names of namespaces hold no underscore.
	otherNamespaces = "_other"
)

// tally counts sessions by namespace, and by reason where there is one.
type tally map[tallied]int

type tallied struct{ namespace, reason string }

// bounded returns the tally of the namespaces with the highest counts, with the rest summed.
func (t tally) bounded() tally {
	totals := map[string]int{}
	for of, n := range t {
		totals[of.namespace] += n
	}
	largest := slices.SortedFunc(maps.Keys(totals), func(a, b string) int {
		return cmp.Or(cmp.Compare(totals[b], totals[a]), cmp.Compare(a, b))
	})
	bounded := tally{}
	for of, n := range t {
		if !slices.Contains(largest[:min(len(largest), maxNamespaces)], of.namespace) {
			of.namespace = otherNamespaces
		}
		bounded[of] += n
	}
	return bounded
}

// collect sends the bounded tally. The series of the rest always exist, one for each reason,
// because PromQL cannot tell "none" from "no data".
func (t tally) collect(metrics chan<- prometheus.Metric, desc *prometheus.Desc, reasons ...string) {
	bounded := t.bounded()
	if len(reasons) == 0 {
		bounded[tallied{namespace: otherNamespaces}] += 0
	}
	for _, reason := range reasons {
		bounded[tallied{otherNamespaces, reason}] += 0
	}
	for of, n := range bounded {
		labels := []string{of.namespace}
		if of.reason != "" {
			labels = append(labels, of.reason)
		}
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), labels...)
	}
}
