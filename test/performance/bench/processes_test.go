//go:build bench

package bench

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/procfs"

	dto "github.com/prometheus/client_model/go"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

const (
	managerUserAgent = "billing-operator"
	mega             = 1 << 20
)

// manager is the real one, as a process.
type manager struct {
	*env.Manager
	started time.Time
	metrics string
}

// startManager starts one that serves all namespaces.
func (s *stage) startManager() *manager {
	s.T.Helper()
	m := &manager{started: time.Now(), metrics: env.FreeAddress(s.T)}
	m.Manager = env.LaunchManager(s.T, nil,
		"--kubeconfig", s.Cluster.KubeconfigPath(), "--endpoint-url", s.URL+standin.Path, "--endpoint-qps=0",
		"--log-level=info", fmt.Sprintf("--concurrency=%d", concurrency),
		"--metrics-bind-address", m.metrics, "--metrics-secure=false", "--metrics-per-session=false")
	return m
}

// waitForRest waits until the manager has looked at every session, and has nothing left to look
// at. It says when that was seen first.
func (s *stage) waitForRest(m *manager) (since time.Time) {
	s.T.Helper()
	// Its own writes come back to a manager within that.
	const quiet = 3 * time.Second
	last := -1.0
	s.await("the manager rests", func() string {
		m.MustRun()
		families := m.scrape()
		passes := sum(families["controller_runtime_reconcile_total"])
		busy := sum(families["workqueue_depth"]) + sum(families["controller_runtime_active_workers"])
		if passes < float64(s.sessions) || busy > 0 || passes != last {
			last, since = passes, time.Now()
		}
		return env.Unless(time.Since(since) > quiet, fmt.Sprintf("%v passes so far", passes))
	})
	return since
}

// scrape is what the manager's metrics are; nothing while it starts.
func (m *manager) scrape() map[string]*dto.MetricFamily {
	response, err := http.Get("http://" + m.metrics + "/metrics")
	if err != nil {
		return nil
	}
	defer func() { _ = response.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, _ := parser.TextToMetricFamilies(response.Body)
	return families
}

// sum adds up all series of a metric.
func sum(family *dto.MetricFamily) (total float64) {
	for _, metric := range family.GetMetric() {
		total += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
	}
	return total
}

// resident is the memory of a program, now and at most so far, in MB.
func resident(t *testing.T, p *env.Process) (now, peak float64) {
	t.Helper()
	proc, err := procfs.NewProc(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	status, err := proc.NewStatus()
	if err != nil {
		t.Fatal(err)
	}
	return float64(status.VmRSS) / mega, float64(status.VmHWM) / mega
}

// computed is for how many seconds a program has computed so far.
func computed(t *testing.T, pid int) float64 {
	t.Helper()
	proc, err := procfs.NewProc(pid)
	if err != nil {
		t.Fatal(err)
	}
	stat, err := proc.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return stat.CPUTime()
}

// child is the program of that name that this process has started.
func child(t *testing.T, name string) (pid int) {
	t.Helper()
	all, err := procfs.AllProcs()
	if err != nil {
		t.Fatal(err)
	}
	for _, proc := range all {
		// Others may end meanwhile.
		if stat, err := proc.Stat(); err == nil && stat.PPID == os.Getpid() && stat.Comm == name {
			return proc.PID
		}
	}
	t.Fatalf("no program %s was started here", name)
	return 0
}
