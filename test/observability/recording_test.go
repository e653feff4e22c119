package observability

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// recording is what Prometheus saw of the manager: all samples of its series, as they came.
//
// Alerts wait for minutes, and a test must not. So the day is recorded at one scrape a second
// and shown to the alerts at one scrape a minute: each second of the recording is a minute to
// them. The alerts are the shipped ones, not shortened, and the samples are the manager's own.
// Only times are stretched like the day: the values of series that end in _timestamp_seconds,
// counted from the first scrape. What this cannot show is that a failure which is over
// sooner than an alert waits stays unnoticed, as the manager's own ten seconds between two
// requests become ten minutes; alerts.test.yaml does that.
type recording struct {
	start  time.Time
	length int // in scrapes
	// up is whether a scrape worked, by its number.
	up     map[int]float64
	series []recorded
}

// recorded is a series with its samples by the number of the scrape.
type recorded struct {
	metric  map[string]string
	samples map[int]float64
}

// stretch is how much longer a time is to the alerts.
const stretch = int64(time.Minute / scrapeEvery)

// record takes from Prometheus all that it knows.
func record(t *testing.T, from *server) *recording {
	t.Helper()
	up := from.query("up[1h]")[0].Values
	r := &recording{start: instant(up[0].at), up: map[int]float64{}}
	for _, scrape := range up {
		r.up[r.scrapeAt(instant(scrape.at))] = scrape.value
		r.length = r.scrapeAt(instant(scrape.at)) + 1
	}
	for _, found := range from.query(`{__name__=~"billingsession_.+"}[1h]`) {
		if strings.HasSuffix(found.Metric["__name__"], "_seconds_bucket") {
			continue // no alert looks at them, and they hold times that cannot be stretched
		}
		s := recorded{found.Metric, map[int]float64{}}
		for _, sample := range found.Values {
			s.samples[r.scrapeAt(instant(sample.at))] = r.stretched(found.Metric["__name__"], sample.value)
		}
		r.series = append(r.series, s)
	}
	return r
}

// scrapeAt is the number of the scrape that was made at that time.
func (r *recording) scrapeAt(at time.Time) int {
	return int(math.Round(float64(at.Sub(r.start)) / float64(scrapeEvery)))
}

func (r *recording) stretched(name string, value float64) float64 {
	if !strings.HasSuffix(name, "_timestamp_seconds") || value == 0 { // 0 is never
		return value
	}
	return math.Round((value - float64(r.start.UnixMilli())/1000) * float64(stretch))
}

// withoutNames is the recording of a manager that gives sessions no series of their own: it
// lacks those, and nothing else.
func (r *recording) withoutNames() *recording {
	fleet := *r
	fleet.series = slices.DeleteFunc(slices.Clone(r.series), func(s recorded) bool { return s.metric["name"] != "" })
	return &fleet
}

// expectAlerts has promtool look at the shipped alerts at each time that the diary tells of.
func (r *recording) expectAlerts(t *testing.T, d *diary) {
	dir := t.TempDir()
	severity := map[string]string{}
	for _, rule := range alerts(t) {
		severity[rule.Alert] = rule.Labels["severity"]
	}
	var looks []any
	for _, e := range d.entries {
		look := map[string]any{
			"expr":      fmt.Sprintf("ALERTS{alertname=%q,alertstate=\"firing\"}", e.alert),
			"eval_time": fmt.Sprintf("%dm", r.scrapeAt(e.at)),
		}
		if e.labels != nil {
			labels := maps.Clone(e.labels)
			maps.Copy(labels, map[string]string{"alertname": e.alert, "alertstate": "firing", "severity": severity[e.alert]})
			look["exp_samples"] = []any{map[string]any{"labels": selector("ALERTS", labels), "value": 1}}
		}
		looks = append(looks, look)
	}
	test := write(t, filepath.Join(dir, "test.yaml"), map[string]any{
		"rule_files":          []string{writeRules(t, dir)},
		"evaluation_interval": "1m",
		"tests":               []any{map[string]any{"interval": "1m", "input_series": r.input(), "promql_expr_test": looks}},
	})
	promtool(t, "", "test", "rules", test)
}

// missed says whether a scrape failed that the machine was too busy for: the manager was
// there before and after. Sixty times slower it would have worked.
func (r *recording) missed(i int) bool {
	return r.up[i] == 0 && r.up[i-1] == 1 && r.up[i+1] == 1
}

// input is the recording in promtool's words. A series that a scrape did not bring has ended.
func (r *recording) input() (all []any) {
	for _, s := range r.series {
		values := make([]string, 0, r.length)
		for i, there := 0, false; i < r.length; i++ {
			value, ok := s.samples[i]
			switch {
			case ok:
				values = append(values, strconv.FormatFloat(value, 'f', -1, 64))
			case there && !r.missed(i):
				values = append(values, "stale")
			default:
				values = append(values, "_")
			}
			there = ok || there && r.missed(i)
		}
		labels := maps.Clone(s.metric)
		delete(labels, "__name__")
		all = append(all, map[string]any{"series": selector(s.metric["__name__"], labels), "values": strings.Join(values, " ")})
	}
	return all
}

// selector is a series as PromQL writes it.
func selector(name string, labels map[string]string) string {
	var pairs []string
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, fmt.Sprintf("%s=%q", label, labels[label]))
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
}
