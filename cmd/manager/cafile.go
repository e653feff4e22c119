package main

import (
	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
)

// newCAGauge tells of the file of --endpoint-ca-file. Without a file it stays at 1, so
// that an alert can ask for it everywhere.
func newCAGauge() prometheus.Gauge {
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "billingsession_endpoint_ca_last_reload_successful",
		Help: "Whether the file of --endpoint-ca-file could be used when it was read last; if 0, the certificates before it are still in use.",
	})
	gauge.Set(1)
	return gauge
}

// reportCAFile says whether a file that has changed can be used.
func reportCAFile(log logr.Logger, file string, usable prometheus.Gauge) func(error) {
	return func(err error) {
		if err != nil {
			log.Error(err, "The file of --endpoint-ca-file cannot be used; the certificates before it stay in use", "file", file)
			usable.Set(0)
			return
		}
		log.Info("The certificates of --endpoint-ca-file are in use as the file has them now", "file", file)
		usable.Set(1)
	}
}
