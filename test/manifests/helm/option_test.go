package helm

import (
	"bytes"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/jsonpath"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

const (
	pod       = "{.spec.template.spec"
	container = pod + ".containers[0]"
	// moreArgs are those beyond what each install has.
	moreArgs = container + ".args[3:]}"
)

// option is a set of values, and what comes of it.
type option struct {
	name, why, values string
	want              []found
}

// found is what the objects of a kind hold at a path, as kubectl -o jsonpath would
// print it, with a space between objects.
type found struct{ kind, path, text string }

func TestOptions(t *testing.T)     { expectOptions(t, options) }
func TestConventions(t *testing.T) { expectOptions(t, conventions) }

func expectOptions(t *testing.T, rows []option) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			objects := rendered(t, row.values)
			for _, want := range row.want {
				if got := find(t, objects.OfKind(want.kind), want.path); got != want.text {
					t.Errorf("%s %s is\n\t%s, want\n\t%s\n(%s)", want.kind, want.path, got, want.text, row.why)
				}
			}
			expectAccepted(t, objects)
			expectUnderstood(t, objects)
			expectMonitoring(t, objects)
		})
	}
}

// A release may have any name that Helm lets through.
func TestNamesFit(t *testing.T) {
	for _, row := range []struct{ release, want, why string }{
		{"finance", "finance-billing-operator", "the chart's name tells what it is"},
		{"eu-billing-operator", "eu-billing-operator", "it is in the release's already"},
		{"2024", "billing-operator-2024", "a Service's name begins with a letter"},
		{"1e3", "billing-operator-1e3", "that is no number here"},
		{"007", "billing-operator-007", "nor is that"},
		{"0x1f", "billing-operator-0x1f", "nor that"},
		{"2-billing-operator", "billing-operator-2-billing-operator", "a Service's name begins with a letter"},
		{"billing.eu", "billing-eu-billing-operator", "a Service's name has no dots"},
		{"v1.2.billing-operator", "v1-2-billing-operator", "a Service's name has no dots"},
		{"1.2", "billing-operator-1-2", "nor does it begin with a digit"},
		{"true", "true-billing-operator", "that is no boolean here"},
		{"null", "null-billing-operator", "nor is that nothing"},
		{strings.Repeat("9", 53), "billing-operator-" + strings.Repeat("9", 37), "a Service's name has 63 letters at most"},
		{strings.Repeat("a.", 26) + "a", strings.Repeat("a-", 26) + "a", "the release's name is not cut"},
		{"a-name-of-forty-and-one-more-letters-at-all", "a-name-of-forty-and-one-more-letters-at-all-billing-op", "a Service's name has 63 letters at most"},
	} {
		t.Run(row.release, func(t *testing.T) {
			t.Parallel()
			output, err := template(t, row.release, "")
			if err != nil {
				t.Fatal(err)
			}
			objects := parse(t, output)
			if got := find(t, objects.OfKind("Deployment"), "{.metadata.name}"); got != row.want {
				t.Errorf("the Deployment is called %s, want %s (%s)", got, row.want, row.why)
			}
			if got := find(t, objects.OfKind("Deployment"), `{.metadata.labels.app\.kubernetes\.io/instance}`); got != row.release {
				t.Errorf("the Deployment is labelled as of release %s", got)
			}
			expectAccepted(t, objects)
		})
	}
}

func find(t *testing.T, objects manifests.Manifest, path string) string {
	t.Helper()
	query := jsonpath.New("").AllowMissingKeys(true)
	if err := query.Parse(path); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, object := range objects {
		var text bytes.Buffer
		if err := query.Execute(&text, object.Object); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text.String())
	}
	return strings.Join(texts, " ")
}

// expectMonitoring judges the kinds that the API server does not serve.
func expectMonitoring(t *testing.T, objects manifests.Manifest) {
	t.Helper()
	for kind, typed := range map[string]any{"ServiceMonitor": &monitoringv1.ServiceMonitor{}, "PrometheusRule": &monitoringv1.PrometheusRule{}} {
		for _, object := range objects.OfKind(kind) {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true); err != nil {
				t.Error(err)
			}
		}
	}
}
