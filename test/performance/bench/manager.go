package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xtracta/billing-operator/hack/process"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/xtracta/billing-operator/test/standin"
)

const managerUserAgent = "billing-operator"

// manager is the real one, as a process.
type manager struct {
	*program
	metrics string
	health  string
}

// launchManager starts a manager without series for each session: what they cost is
// measured apart.
func (s *stage) launchManager(ctx context.Context, path string, concurrency int, args ...string) (*manager, error) {
	metrics, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	health, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	p, err := launch(ctx, s.dir, path, append([]string{
		"--kubeconfig", s.plane.KubeconfigPath(),
		"--endpoint-url", s.server.URL + standin.Path,
		"--endpoint-qps", "0", "--concurrency", strconv.Itoa(concurrency),
		"--metrics-bind-address", metrics, "--metrics-secure=false", "--metrics-per-session=false",
		"--health-probe-bind-address", health,
	}, args...)...)
	return &manager{p, metrics, health}, err
}

// waitReady waits until the caches are filled.
func (s *stage) waitReady(ctx context.Context, m *manager) error {
	return s.until(ctx, func() (string, error) {
		response, err := http.Get("http://" + m.health + "/readyz")
		if err != nil {
			return "a ready manager", m.alive()
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return "a ready manager", m.alive()
		}
		return "", nil
	})
}

// waitQuiet waits until the manager has looked at every session, and has nothing
// left to look at. It says when that was seen first.
func (s *stage) waitQuiet(ctx context.Context, m *manager) (time.Time, error) {
	var since time.Time
	last := -1.0
	err := s.until(ctx, func() (string, error) {
		families, err := m.scrape(ctx)
		if err != nil {
			return "the manager's metrics", m.alive()
		}
		passes := sum(families["controller_runtime_reconcile_total"])
		busy := sum(families["workqueue_depth"]) + sum(families["controller_runtime_active_workers"])
		if passes < float64(s.sessions) || busy > 0 || passes != last {
			last, since = passes, time.Now()
			return fmt.Sprintf("rest: %v passes so far", passes), m.alive()
		}
		if time.Since(since) < restFor {
			return "rest for a while", m.alive()
		}
		return "", nil
	})
	return since, err
}

// restFor is how long nothing may have happened before a manager is at rest: its
// own writes come back to it within that.
const restFor = 3 * time.Second

func (m *manager) scrape(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.metrics+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(response.Body)
}

// passes is how many the manager has made.
func (m *manager) passes(ctx context.Context) (float64, error) {
	families, err := m.scrape(ctx)
	return sum(families["controller_runtime_reconcile_total"]), err
}

// sum adds up all series of a metric.
func sum(family *dto.MetricFamily) float64 {
	total := 0.0
	for _, metric := range family.GetMetric() {
		total += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
	}
	return total
}

// tally is the calls since the mark by verb and resource.
func (s *stage) tally() map[string]int {
	calls := map[string]int{}
	for _, call := range s.calls {
		calls[call.What()]++
	}
	return calls
}

func describe(calls map[string]int) string {
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(calls)) {
		parts = append(parts, fmt.Sprintf("%d %s", calls[what], what))
	}
	return strings.Join(parts, ", ")
}
