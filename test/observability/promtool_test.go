// Package observability holds what people see of the operator through Prometheus to its word:
// metrics, alerts and the dashboard, by a real Prometheus that scrapes the real manager.
package observability

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

// needPrometheus skips the test where there is no Prometheus and none can be had.
func needPrometheus(t *testing.T) {
	t.Helper()
	env.Need(t, "prometheus", "prometheus", "promtool")
}

// promtool runs Prometheus's own tool, with text on its standard input.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	needPrometheus(t)
	cmd := exec.CommandContext(t.Context(), "promtool", args...)
	cmd.Stdin = strings.NewReader(input)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args[:2], " "), err, output)
	}
}

// shippedRules are the alerts of config/prometheus, as they would be applied.
func shippedRules(t *testing.T) monitoringv1.PrometheusRuleSpec {
	t.Helper()
	text, err := os.ReadFile(env.Path("config", "prometheus", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var rules monitoringv1.PrometheusRule
	if err := yaml.UnmarshalStrict(text, &rules); err != nil {
		t.Fatal(err)
	}
	return rules.Spec
}

// alerts are all rules that raise an alert, in order.
func alerts(t *testing.T) (rules []monitoringv1.Rule) {
	t.Helper()
	for _, group := range shippedRules(t).Groups {
		for _, rule := range group.Rules {
			if rule.Alert != "" {
				rules = append(rules, rule)
			}
		}
	}
	return rules
}

// write writes a value as YAML.
func write(t *testing.T, path string, value any) string {
	t.Helper()
	text, err := yaml.Marshal(value)
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(env.Path(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v: %.200s", err, text)
	}
}
