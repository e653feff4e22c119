package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

// caFileInterval is how often the file of --endpoint-ca-file is read. What changes in
// it is trusted within a minute.
const caFileInterval = 10 * time.Second

// caFile gives the endpoint's client the certificates of a file, and again whenever
// the file changes: without that, a rotated authority would need a restart. A file
// that cannot be used changes nothing but the metric and the log.
type caFile struct {
	path    string
	use     func(pem []byte) error
	clock   clock.WithTicker
	log     logr.Logger
	healthy prometheus.Gauge

	used    []byte // what use took last
	problem string // why the file cannot be used now, or ""
}

// addCAFile keeps the client's certificates up to date on every replica: one that
// stands by must be able to take over.
func addCAFile(mgr ctrl.Manager, path string, use func(pem []byte) error) error {
	f := &caFile{path: path, use: use, clock: clock.RealClock{}, log: mgr.GetLogger(), healthy: newCAGauge()}
	if err := ctrlmetrics.Registry.Register(f.healthy); err != nil {
		return fmt.Errorf("set up metrics: %w", err)
	}
	if path == "" {
		return nil // the gauge stays at 1, so that an alert can ask for it everywhere
	}
	if err := f.load(); err != nil {
		return fmt.Errorf("--endpoint-ca-file: %w", err)
	}
	return mgr.Add(everyReplica{f})
}

func newCAGauge() prometheus.Gauge {
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "billingsession_endpoint_ca_last_reload_successful",
		Help: "Whether the file of --endpoint-ca-file could be used when it was read last; if 0, the certificates before it are still in use.",
	})
	gauge.Set(1)
	return gauge
}

// Start implements manager.Runnable.
func (f *caFile) Start(ctx context.Context) error {
	ticker := f.clock.NewTicker(caFileInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
			f.reload()
		}
	}
}

// reload loads the file, and logs what has changed since it was read last.
func (f *caFile) reload() {
	before, problem := f.used, ""
	err := f.load()
	if err != nil {
		problem = err.Error()
	}
	switch {
	case err != nil && problem != f.problem:
		f.log.Error(err, "The file of --endpoint-ca-file cannot be used; the certificates before it stay in use", "file", f.path)
	case err == nil && (f.problem != "" || !bytes.Equal(before, f.used)):
		f.log.Info("The certificates of --endpoint-ca-file are in use as the file has them now", "file", f.path)
	}
	f.problem = problem
	f.healthy.Set(1)
	if err != nil {
		f.healthy.Set(0)
	}
}

// load uses the file's certificates, unless they are in use already.
func (f *caFile) load() error {
	text, err := os.ReadFile(f.path)
	if err != nil || f.used != nil && bytes.Equal(text, f.used) {
		return err
	}
	if err := f.use(text); err != nil {
		return err
	}
	f.used = text
	return nil
}
