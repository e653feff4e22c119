package helm

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

// helms are the labels and annotations by which Helm knows its own.
var helms = []string{
	"app.kubernetes.io/instance",
	"app.kubernetes.io/managed-by",
	"app.kubernetes.io/version",
	"helm.sh/chart",
	"helm.sh/resource-policy",
}

// Who moves from one to the other, or reads of one and uses the other, gets the same.
func TestDefaultsAreThoseOfKustomize(t *testing.T) {
	want := byName(manifests.Rendered(t, "default"))
	// A release's namespace exists before the release: helm install --create-namespace.
	delete(want, "Namespace/"+systemNamespace)
	if diff := cmp.Diff(want, byName(rendered(t, ""))); diff != "" {
		t.Errorf("config/default and the chart differ (-Kustomize +Helm):\n%s", diff)
	}
}

// The same holds of what config/prometheus adds for the Prometheus operator.
func TestMonitoringIsThatOfKustomize(t *testing.T) {
	objects := manifests.Rendered(t, "prometheus")
	expectMonitoring(t, objects)
	got := byName(rendered(t, "metrics: {serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}}"))
	for name := range byName(rendered(t, "")) {
		delete(got, name)
	}
	if diff := cmp.Diff(byName(objects), got); diff != "" {
		t.Errorf("config/prometheus and the chart differ (-Kustomize +Helm):\n%s", diff)
	}
}

// And of config/grafana.
func TestDashboardIsThatOfKustomize(t *testing.T) {
	got := byName(rendered(t, "dashboard: {enabled: true}"))
	for name := range byName(rendered(t, "")) {
		delete(got, name)
	}
	if diff := cmp.Diff(byName(manifests.Rendered(t, "grafana")), got); diff != "" {
		t.Errorf("config/grafana and the chart differ (-Kustomize +Helm):\n%s", diff)
	}
}

// No alert may speak of another install. TestOptions tells where this one is named.
func TestAlertsNameThisInstall(t *testing.T) {
	t.Parallel()
	const values = `{fullnameOverride: links, metrics: {prometheusRule: {enabled: true}}}`
	text, err := helm(t, values, "template", release, chart, "--namespace", "2024", "--values", "-")
	if err != nil {
		t.Fatal(err)
	}
	rule, err := json.Marshal(parse(t, text).OfKind("PrometheusRule")[0].Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"billing-operator-metrics", systemNamespace} {
		if strings.Contains(string(rule), other) {
			t.Errorf("the rules name %s", other)
		}
	}
	if !strings.Contains(string(rule), "links-metrics") || !strings.Contains(string(rule), "2024") {
		t.Error("the rules do not name the release's metrics and namespace")
	}
}

func byName(objects manifests.Manifest) map[string]any {
	contents := map[string]any{}
	for _, object := range objects {
		withoutHelms(object.Object)
		contents[key(object)] = object.Object
	}
	return contents
}

func key(object *unstructured.Unstructured) string { return object.GetKind() + "/" + object.GetName() }

// withoutHelms removes Helm's labels and annotations wherever they are: selectors
// and pods have them, too.
func withoutHelms(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range helms {
			delete(value, name)
		}
		for _, field := range value {
			withoutHelms(field)
		}
	case []any:
		for _, item := range value {
			withoutHelms(item)
		}
	}
}
