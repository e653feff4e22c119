//go:build long

package observability

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// variables are what Grafana would put in their places.
var variables = strings.NewReplacer("$job", metricsService, "$namespace", namespace, "$__rate_interval", "10s", "$__range", "1m")

var leftOver = regexp.MustCompile(`\$[a-zA-Z_]+`)

// expectDashboard asks each query of a Prometheus that has seen everything, and wants an
// answer with a number in it.
func expectDashboard(t *testing.T, s *server, since time.Time) {
	d := shippedDashboard(t)
	on := *s
	on.t = t
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			expression := variables.Replace(target.Expr)
			if leftOver.MatchString(expression) {
				t.Errorf("%q: nothing stands for %s", p.Title, leftOver.FindString(expression))
			}
			if !hasNumbers(on.queryRange(expression, since)) {
				t.Errorf("%q shows nothing of %s", p.Title, expression)
			}
		}
	}
	labelValues := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
	for _, v := range d.Templating.List {
		if v.Type == "datasource" {
			continue
		}
		question, _ := v.Query.(map[string]any)
		text, _ := question["query"].(string)
		asked := labelValues.FindStringSubmatch(text)
		if asked == nil {
			t.Errorf("variable %s is %v", v.Name, v.Query)
			continue
		}
		found := on.query("count by (" + asked[2] + ") (" + variables.Replace(asked[1]) + ")")
		if len(found) == 0 || slices.ContainsFunc(found, func(s series) bool { return s.Metric[asked[2]] == "" }) {
			t.Errorf("variable %s offers %v", v.Name, found)
		}
	}
}

func hasNumbers(all []series) bool {
	return slices.ContainsFunc(all, func(s series) bool {
		return slices.ContainsFunc(s.Values, func(v sample) bool { return !math.IsNaN(v.value) && !math.IsInf(v.value, 0) })
	})
}
