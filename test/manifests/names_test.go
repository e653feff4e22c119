package manifests_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

// Two parts of one chart with the same names would be one operator: the other's sessions are served by
// nobody. What is cut off, or found in the release's name, must not be all that they differ in.
func TestPartsHaveNamesOfTheirOwn(t *testing.T) {
	const long = "prod-eu-west-1-customer-acme-finance"
	for _, row := range []struct {
		release string
		aliases []string
		values  string
	}{
		{long, []string{"billing-operator-one", "billing-operator-two"}, ""},
		{long, []string{"billing-operator", "billing-operator-two"}, ""},
		{strings.Repeat("a", 53), []string{"one", "two"}, ""},
		{strings.Repeat("9", 53), []string{"one", "two", "three"}, ""},
		{"platform", []string{strings.Repeat("long-", 20) + "a", strings.Repeat("long-", 20) + "b"}, ""},
		{"prod-eu", []string{"prod", "eu"}, ""},
		{"prod-eu", []string{"prod-eu", "eu", "billing-operator"}, ""},
		{"3", []string{"1a", "2b"}, ""},
		{long, []string{"billing-operator-one", "billing-operator-two"}, "watchNamespaces: [finance]"},
	} {
		t.Run(fmt.Sprint(row.release, row.aliases, row.values), func(t *testing.T) {
			t.Parallel()
			text, err := template(t, row.release, chartOfParts(t, row.aliases, row.values), systemNamespace, "")
			if err != nil {
				t.Fatal(err)
			}
			objects := parse(t, text)
			expectDifferentNames(t, objects)
			expectApart(t, objects.OfKind("Deployment"))
			if got := len(objects.OfKind("Deployment")); got != len(row.aliases) {
				t.Errorf("%d Deployments for %d parts", got, len(row.aliases))
			}
			for _, object := range objects {
				for label, value := range object.GetLabels() {
					if faults := validation.IsValidLabelValue(value); len(faults) > 0 {
						t.Errorf("%s has the label %s: %q: %v", key(object), label, value, faults)
					}
				}
			}
			for _, service := range objects.OfKind("Service") {
				if faults := validation.IsDNS1035Label(service.GetName()); len(faults) > 0 {
					t.Errorf("Service %s: %v", service.GetName(), faults)
				}
			}
		})
	}
}

func expectDifferentNames(t *testing.T, objects manifests.Manifest) {
	t.Helper()
	seen := map[string]bool{}
	for _, object := range objects {
		name := object.GetNamespace() + " " + object.GetKind() + "/" + object.GetName()
		if seen[name] {
			t.Errorf("there are two of %s", name)
		}
		seen[name] = true
	}
}

// chartOfParts has this chart once for each alias, with these values, and no definitions.
func chartOfParts(t *testing.T, aliases []string, values string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "platform")
	if err := os.CopyFS(filepath.Join(folder, "charts", "billing-operator"), os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	dependencies, parts := []any{}, map[string]any{}
	for _, alias := range aliases {
		dependencies = append(dependencies, map[string]any{"name": operatorName, "version": "*", "alias": alias})
		part := parsed(t, values)
		part["crds"] = map[string]any{"enabled": false}
		parts[alias] = part
	}
	for name, content := range map[string]map[string]any{
		"Chart.yaml":  {"apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": dependencies},
		"values.yaml": parts,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(marshalled(t, content)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// Versions have characters that neither labels nor tags may have, and any length.
func TestVersionsBecomeLabelsAndTags(t *testing.T) {
	for _, row := range []struct{ app, chart, tag string }{
		{"v0.1.0+acme.1", "0.1.0+acme.1", "v0.1.0_acme.1"},
		{"v0.1.0-rc.1+a+b", "0.1.0-rc.1+a.b", "v0.1.0-rc.1_a_b"},
		{"feature/x y~1", "0.1.0+acme.1", "feature_x_y_1"},
		{"v1+" + strings.Repeat("a", 59) + ".b", "0.1.0-" + strings.Repeat("a", 40) + ".b.c", "v1_" + strings.Repeat("a", 59) + ".b"},
	} {
		t.Run(row.app, func(t *testing.T) {
			t.Parallel()
			text := chartFile(t, "Chart.yaml")
			text = strings.Replace(text, "\nversion: 0.1.0", "\nversion: "+row.chart, 1)
			text = strings.Replace(text, "appVersion: "+appVersion(t), "appVersion: "+row.app, 1)
			objects := parse(t, mustTemplate(t, chartWith(t, "Chart.yaml", text), everything))
			if got, want := find(t, objects.OfKind("Deployment"), container+".image}"), "ghcr.io/xtracta/billing-operator:"+row.tag; got != want {
				t.Errorf("the image is %s, want %s", got, want)
			}
			for _, object := range objects {
				for _, label := range []string{"app.kubernetes.io/version", "helm.sh/chart"} {
					if value := object.GetLabels()[label]; value == "" || len(validation.IsValidLabelValue(value)) > 0 {
						t.Errorf("%s has the label %s: %q", key(object), label, value)
					}
				}
			}
		})
	}
}
