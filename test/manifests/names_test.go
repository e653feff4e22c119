package manifests_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Versions have characters that neither labels nor tags may have, and any length.
func TestVersionsBecomeLabelsAndTags(t *testing.T) {
	for _, row := range []struct{ app, chart, tag string }{
		{"v0.1.0+acme.1", "0.1.0+acme.1", "v0.1.0_acme.1"},
		{"v1+" + strings.Repeat("a", 59) + ".b", "0.1.0-" + strings.Repeat("a", 40) + ".b.c", "v1_" + strings.Repeat("a", 59) + ".b"},
	} {
		t.Run(row.app, func(t *testing.T) {
			t.Parallel()
			text := chartFile(t, "Chart.yaml")
			text = strings.Replace(text, "\nversion: 0.0.0", "\nversion: "+row.chart, 1)
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
