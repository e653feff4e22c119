package helm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/test/env"
)

// everything switches on all that is off by default, so that each value counts.
const everything = `
metrics: {serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}}
dashboard: {enabled: true}
networkPolicy: {enabled: true}
proxy: {secret: {name: proxy}}
endpoint: {ca: {configMap: corporate}}
`

// Templates cannot read values.yaml: they take what is missing from a copy.
func TestCopiesInTheChartAreCurrent(t *testing.T) {
	for name, of := range map[string]string{
		"values.yaml":    filepath.Join(chart, "values.yaml"),
		"dashboard.json": env.Path("config", "grafana", "dashboard.json"),
	} {
		original, err := os.ReadFile(of)
		if err != nil {
			t.Fatal(err)
		}
		if string(original) != string(read(t, filepath.Join("files", name))) {
			t.Errorf("files/%s is no copy of %s; run make generate", name, of)
		}
	}
}

// A program that writes values writes null for a field that it leaves empty.
func TestNullMeansTheDefault(t *testing.T) {
	untouched := marshalled(t, parsed(t, everything))
	defaults := mustTemplate(t, chart, untouched)
	for _, path := range paths(parsed(t, string(read(t, "values.yaml")))) {
		t.Run(strings.Join(path, "/"), func(t *testing.T) {
			t.Parallel()
			null, missing := parsed(t, everything), parsed(t, everything)
			if err := unstructured.SetNestedField(null, nil, path...); err != nil {
				t.Fatal(err)
			}
			unstructured.RemoveNestedField(missing, path...)
			want := defaults
			if without := marshalled(t, missing); without != untouched {
				want = mustTemplate(t, chart, without)
			}
			if mustTemplate(t, chart, marshalled(t, null)) != want {
				t.Error("null does not render what the default does")
			}
		})
	}
}

// With --reuse-values Helm renders this chart with the values of an older one. Here
// it is one that lacks a value, a group of them, or all.
func TestValuesOfAnOlderChartAreCompleted(t *testing.T) {
	want := mustTemplate(t, chart, everything)
	all := append(paths(parsed(t, string(read(t, "values.yaml")))), nil)
	for _, path := range all {
		if len(path) > 1 && path[0] != "metrics" && path[0] != "networkPolicy" {
			continue // the others are no different, and this takes time
		}
		t.Run("without "+strings.Join(path, "/"), func(t *testing.T) {
			t.Parallel()
			if got := mustTemplate(t, chartWithout(t, path...), everything); got != want {
				t.Error("what is missing is not the default")
			}
		})
	}
}

// paths are the values and groups of values in a map.
func paths(values map[string]any, above ...string) (all [][]string) {
	for name, value := range values {
		path := append(append([]string{}, above...), name)
		all = append(all, path)
		if group, ok := value.(map[string]any); ok {
			all = append(all, paths(group, path...)...)
		}
	}
	return all
}

// chartWithout is a chart of which values.yaml lacks a value; without a path, all.
func chartWithout(t *testing.T, path ...string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "billing-operator")
	if err := os.CopyFS(folder, os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	if len(path) > 0 {
		values = parsed(t, string(read(t, "values.yaml")))
		unstructured.RemoveNestedField(values, path...)
	}
	if err := os.WriteFile(filepath.Join(folder, "values.yaml"), []byte(marshalled(t, values)), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// mustTemplate is what a chart renders with these values, byte for byte.
func mustTemplate(t *testing.T, chart, values string) string {
	t.Helper()
	text, err := helm(t, values, "template", release, chart, "--namespace", systemNamespace, "--values", "-")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func parsed(t *testing.T, text string) map[string]any {
	t.Helper()
	values := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	return values
}

func marshalled(t *testing.T, values map[string]any) string {
	t.Helper()
	text, err := yaml.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
