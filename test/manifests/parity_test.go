package manifests_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
func TestChartInstallsWhatKustomizeDoes(t *testing.T) {
	const all = `{dashboard: {enabled: true}, metrics: {serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}}}`
	for values, folders := range map[string][]string{"": {"default"}, all: {"default", "prometheus", "grafana"}} {
		var objects manifests.Manifest
		for _, folder := range folders {
			objects = append(objects, manifests.Rendered(t, folder)...)
		}
		want := byName(objects)
		// A release's namespace exists before the release: helm install --create-namespace.
		delete(want, "Namespace/"+systemNamespace)
		if diff := cmp.Diff(want, byName(rendered(t, values))); diff != "" {
			t.Errorf("%v and the chart with %q differ (-Kustomize +Helm):\n%s", folders, values, diff)
		}
	}
}

// No alert may speak of another install. TestOptions tells where this one is named.
func TestAlertsNameThisInstall(t *testing.T) {
	text, err := template(t, release, chart, "2024", `{fullnameOverride: links, metrics: {prometheusRule: {enabled: true}}}`)
	if err != nil {
		t.Fatal(err)
	}
	rules := marshalled(t, parse(t, text).OfKind("PrometheusRule")[0].Object["spec"].(map[string]any))
	for _, other := range []string{"billing-operator-metrics", systemNamespace} {
		if strings.Contains(rules, other) {
			t.Errorf("the rules name %s", other)
		}
	}
	if !strings.Contains(rules, "links-metrics") || !strings.Contains(rules, "2024") {
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
