//go:build long

package observability

import (
	"crypto/tls"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/xtracta/billing-operator/test/env"
)

// exposition is what the manager says to whoever may read its metrics.
func (s *stage) exposition() string {
	s.T.Helper()
	request, err := http.NewRequestWithContext(s.T.Context(), http.MethodGet, "https://"+s.address+"/metrics", nil)
	if err != nil {
		s.T.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	// The manager makes its certificate for itself.
	scraper := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer scraper.CloseIdleConnections()
	answer, err := scraper.Do(request)
	if err != nil {
		s.T.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.T.Fatalf("%s: %v", answer.Status, err)
	}
	return string(text)
}

// ours are the lines of an exposition that are about our metrics.
func ours(exposition string) string {
	var lines strings.Builder
	for line := range strings.Lines(exposition) {
		if strings.Contains(line, "billingsession_") || strings.Contains(line, "billing_operator_") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// noteMetrics remembers which metrics there are now. What is told by namespace is there only while
// somebody waits.
func (s *stage) noteMetrics() {
	s.T.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(ours(s.exposition())))
	if err != nil {
		s.T.Fatal(err)
	}
	for name, family := range families {
		labels := map[string]bool{}
		for _, pair := range family.GetMetric()[0].GetLabel() {
			labels["`"+pair.GetName()+"`"] = true
		}
		s.served[name] = rowOf(strings.ToLower(family.GetType().String()), slices.Sorted(maps.Keys(labels)))
	}
}

// expectMetrics judges the metrics of a manager that has sessions. served are the rows of all that
// there were in the course of the day.
func expectMetrics(t *testing.T, text string, served map[string]string) {
	ours := ours(text)
	t.Run("conventions", func(t *testing.T) {
		problems, err := promlint.New(strings.NewReader(ours)).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("%v %+v", err, problems)
		}
		promtool(t, ours, "check", "metrics")
	})
	t.Run("secrets", func(t *testing.T) {
		for _, secret := range []string{env.KeyPrefix, "index.html", "billing_ui"} {
			if strings.Contains(text, secret) {
				t.Errorf("they hold %q", secret)
			}
		}
	})
	t.Run("the document", func(t *testing.T) {
		if diff := cmp.Diff(documented(t), served); diff != "" {
			t.Errorf("config/prometheus/README.md and the manager differ (-document +manager):\n%s", diff)
		}
	})
}

// rowOf is a metric's type with its labels.
func rowOf(kind string, labels []string) string {
	if len(labels) == 0 {
		labels = []string{"–"}
	}
	return kind + ", " + strings.Join(labels, ", ")
}

// documented are the metrics of the table in config/prometheus/README.md, with their types and labels.
func documented(t *testing.T) map[string]string {
	t.Helper()
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(billing(?:session|_operator)_\\w+)` \\| (\\w+) \\| ([^|]+) \\|").FindAllStringSubmatch(read(t, "config", "prometheus", "README.md"), -1) {
		labels := strings.Split(row[3], ", ")
		slices.Sort(labels)
		rows[row[1]] = rowOf(row[2], labels)
	}
	return rows
}
