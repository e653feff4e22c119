//go:build long

package observability

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/xtracta/billing-operator/test/env"
)

// server is a real Prometheus.
type server struct {
	t   *testing.T
	url string
}

// shortened are the shipped alerts with a second in the place of each minute, so that a day of
// theirs passes in some minutes.
func shortened(t *testing.T) monitoringv1.PrometheusRuleSpec {
	t.Helper()
	rules := shippedRules(t)
	minutes := strings.NewReplacer("m]", "s]", "< 3600", "< 60", "> 60", "> 1")
	for _, group := range rules.Groups {
		for i := range group.Rules {
			rule := &group.Rules[i]
			rule.Expr = intstr.FromString(minutes.Replace(rule.Expr.String()))
			if rule.For != nil {
				rule.For = ptr.To(monitoringv1.Duration(strings.Replace(string(*rule.For), "m", "s", 1)))
			}
		}
	}
	return rules
}

// fleetJob scrapes the manager as if that gave sessions no series of their own.
const fleetJob = "fleet"

// startServer runs Prometheus with shortened alerts, scraping one target each second as the shipped
// ServiceMonitor has it: over https, without a certificate that could be verified, as a
// ServiceAccount that shows its token.
func startServer(t *testing.T, target, token string) *server {
	t.Helper()
	needPrometheus(t)
	dir := t.TempDir()
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	job := func(name string, relabelings ...any) map[string]any {
		return map[string]any{
			"job_name":          name,
			"scheme":            "https",
			"honor_labels":      true,
			"bearer_token_file": tokenFile,
			"tls_config":        map[string]any{"insecure_skip_verify": true},
			"static_configs": []any{map[string]any{
				"targets": []string{target}, "labels": map[string]string{"namespace": systemNamespace, "pod": "billing-operator-0"},
			}},
			"metric_relabel_configs": relabelings,
		}
	}
	config := write(t, filepath.Join(dir, "prometheus.yaml"), map[string]any{
		"global":     map[string]any{"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
		"rule_files": []string{write(t, filepath.Join(dir, "alerts.yaml"), shortened(t))},
		"scrape_configs": []any{
			job(metricsService),
			job(fleetJob, map[string]any{"action": "drop", "source_labels": []string{"name"}, "regex": ".+"}),
		},
	})
	address := env.FreeAddress(t)
	env.Start(t, exec.Command("prometheus", "--config.file", config, "--storage.tsdb.path", filepath.Join(dir, "data"),
		"--web.listen-address", address, "--log.level", "warn"))
	s := &server{t: t, url: "http://" + address}
	env.Eventually(t, "Prometheus is ready", func() string {
		answer, err := http.Get(s.url + "/-/ready")
		if err != nil {
			return err.Error()
		}
		defer func() { _ = answer.Body.Close() }()
		return env.Unless(answer.StatusCode == http.StatusOK, answer.Status)
	})
	return s
}

// series is a series with its samples, or with one.
type series struct {
	Metric map[string]string
	Values []sample
	Value  *sample
}

// sample is a value at a time, in seconds of UNIX time.
type sample struct{ at, value float64 }

// UnmarshalJSON reads a pair of a number and a number in quotes.
func (s *sample) UnmarshalJSON(text []byte) error {
	var value string
	if err := json.Unmarshal(text, &[]any{&s.at, &value}); err != nil {
		return err
	}
	var err error
	s.value, err = strconv.ParseFloat(value, 64)
	return err
}

// query asks for an expression's value now.
func (s *server) query(expression string) []series {
	s.t.Helper()
	return s.ask("/api/v1/query", url.Values{"query": {expression}})
}

// queryRange asks for an expression's values from a time until now.
func (s *server) queryRange(expression string, from time.Time) []series {
	s.t.Helper()
	return s.ask("/api/v1/query_range", url.Values{
		"query": {expression}, "step": {"1"},
		"start": {strconv.FormatInt(from.Unix(), 10)}, "end": {strconv.FormatInt(time.Now().Unix(), 10)},
	})
}

func (s *server) ask(path string, question url.Values) []series {
	s.t.Helper()
	var found struct {
		Data struct{ Result json.RawMessage }
	}
	decode(s.t, s.get(path, question), &found)
	var all []series
	if bytes.HasPrefix(found.Data.Result, []byte("[{")) { // a scalar is a pair
		decode(s.t, found.Data.Result, &all)
	}
	return all
}

func (s *server) get(path string, question url.Values) []byte {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), env.Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path+"?"+question.Encode(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Errorf("%s: %s: %v\n%s", question, answer.Status, err, text)
		return []byte(`{"data":{"result":[]}}`)
	}
	return text
}

// waitFor waits until an expression has a value.
func (s *server) waitFor(expression string) {
	s.t.Helper()
	env.Eventually(s.t, "Prometheus finds "+expression, func() string {
		return env.Unless(len(s.query(expression)) > 0, "nothing")
	})
}

// selector is a series as PromQL writes it.
func selector(name string, labels map[string]string) string {
	var pairs []string
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, fmt.Sprintf("%s=%q", label, labels[label]))
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
}
