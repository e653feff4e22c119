package observability

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/env"
)

// server is a real Prometheus.
type server struct {
	t   *testing.T
	url string
}

// scrapeEvery is how often Prometheus scrapes, and looks whether an alert is due.
const scrapeEvery = time.Second

// startServer runs Prometheus with the shipped alerts, scraping one target as the shipped
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
	config := write(t, filepath.Join(dir, "prometheus.yaml"), map[string]any{
		"global":     map[string]any{"scrape_interval": scrapeEvery.String(), "scrape_timeout": scrapeEvery.String(), "evaluation_interval": scrapeEvery.String()},
		"rule_files": []string{writeRules(t, dir)},
		"scrape_configs": []any{map[string]any{
			"job_name":          metricsService,
			"scheme":            "https",
			"honor_labels":      true,
			"bearer_token_file": tokenFile,
			"tls_config":        map[string]any{"insecure_skip_verify": true},
			"static_configs": []any{map[string]any{
				"targets": []string{target}, "labels": map[string]string{"namespace": systemNamespace, "pod": "billing-operator-0"},
			}},
		}},
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

// waitUntilOver waits until an alert is raised for nothing any more. How late renewals come depends
// on the machine too.
func (s *server) waitUntilOver(alert string) {
	s.t.Helper()
	for _, rule := range alerts(s.t) {
		if rule.Alert == alert {
			s.waitFor("absent(" + strings.ReplaceAll(rule.Expr.String(), "m]", "s]") + ")") // a second is a minute
			s.let(1)
		}
	}
}

// scrapes is how often it has scraped.
func (s *server) scrapes() int {
	s.t.Helper()
	for _, found := range s.query("count_over_time(up[1h])") {
		return int(found.Value.value)
	}
	return 0
}

// let waits until it has scraped n times more.
func (s *server) let(n int) {
	s.t.Helper()
	until := s.scrapes() + n
	env.Eventually(s.t, fmt.Sprintf("Prometheus scrapes %d times more", n), func() string {
		return env.Unless(s.scrapes() >= until, "not yet")
	})
}
