package observability

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// Whoever is called at night follows the link of the alert.
func TestEveryAlertHasItsRunbook(t *testing.T) {
	const runbooks = "https://github.com/xtracta/billing-operator/blob/main/config/prometheus/runbooks.md#"
	alerted := map[string]bool{}
	for _, rule := range alerts(t) {
		alerted[rule.Alert] = true
		for _, what := range []string{"summary", "description"} {
			if rule.Annotations[what] == "" {
				t.Errorf("%s has no %s", rule.Alert, what)
			}
		}
		if severity := rule.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s has the severity %q", rule.Alert, severity)
		}
		// GitHub's anchor of a heading is the heading in small letters.
		if got, want := rule.Annotations["runbook_url"], runbooks+strings.ToLower(rule.Alert); got != want {
			t.Errorf("the runbook of %s is at %s, want %s", rule.Alert, got, want)
		}
	}
	var written []string
	for _, heading := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(read(t, "config", "prometheus", "runbooks.md"), -1) {
		written = append(written, heading[1])
	}
	slices.Sort(written)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(alerted)), written); diff != "" {
		t.Errorf("alerts and runbooks differ (-alerts +runbooks):\n%s", diff)
	}
}

// promtool's tests of the alerts: what they say, and when they had better be quiet.
// Each alert has some.
func TestAlerts(t *testing.T) {
	dir, tests := t.TempDir(), read(t, "test", "observability", "alerts.test.yaml")
	promtool(t, "", "check", "rules", write(t, filepath.Join(dir, "alerts.yaml"), shippedRules(t)))
	path := filepath.Join(dir, "alerts.test.yaml")
	if err := os.WriteFile(path, []byte(tests), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "test", "rules", path)
	for _, rule := range alerts(t) {
		if !strings.Contains(tests, "alertname: "+rule.Alert+"\n") {
			t.Errorf("%s is not tested", rule.Alert)
		}
	}
}

// A reason for which a person must act has an alert of its own, or counts as any other; none
// falls between two alerts.
func TestNoReasonIsForgotten(t *testing.T) {
	reasons := regexp.MustCompile(`reason(=~?|!~)"([A-Za-z|]+)"`)
	acted, others := map[string]bool{}, map[string]bool{}
	for _, rule := range alerts(t) {
		for _, found := range reasons.FindAllStringSubmatch(rule.Expr.String(), -1) {
			for _, reason := range strings.Split(found[2], "|") {
				switch {
				case found[1] == "!~":
					others[rule.Labels["scope"]+" "+reason] = true
				case strings.HasPrefix(rule.Alert, "BillingSession"):
					acted[rule.Labels["scope"]+" "+reason] = true
				}
			}
		}
	}
	if diff := cmp.Diff(acted, others); diff != "" || len(acted) == 0 {
		t.Errorf("BillingSessionNotReady leaves out other reasons than those that have alerts (-alerts +left out):\n%s", diff)
	}
}

// Each reason that stalls a session raises an alert that does not wait for a quarter of an hour.
func TestEveryStalledReasonHasAnAlert(t *testing.T) {
	for _, scope := range []string{"", "fleet"} {
		for _, reason := range []string{
			v1alpha1.ReasonRejected, v1alpha1.ReasonKeySecretMissing, v1alpha1.ReasonKeySecretForbidden, v1alpha1.ReasonKeyInvalid,
			v1alpha1.ReasonSecretConflict, v1alpha1.ReasonSecretWriteFailed,
		} {
			if !slices.ContainsFunc(alerts(t), func(rule monitoringv1.Rule) bool {
				return rule.Labels["scope"] == scope && rule.Alert != "BillingSessionNotReady" && strings.Contains(rule.Expr.String(), reason)
			}) {
				t.Errorf("no alert (scope %q) names %s", scope, reason)
			}
		}
	}
}
