package manifests_test

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

func TestEveryObjectIsAccepted(t *testing.T) {
	for _, row := range []struct{ folder, why string }{
		{"default", "applying once more what was applied is what GitOps tools do all day"},
		{"namespaced", "the same operator with another scope"},
		{"shards", "the same operator twice, each with a part of the sessions"},
		{"samples", "a sample must work as it is"},
		{"samples/link", "the same"},
		{"argocd", "what Argo CD learns is a ConfigMap"},
	} {
		t.Run(row.folder, func(t *testing.T) {
			c := strictClient(t)
			namespace := manifests.NewNamespace(t, c)
			manifests.Namespace(t, c, "finance")
			manifests.Namespace(t, c, "argocd")
			for _, object := range manifests.Rendered(t, row.folder) {
				if err := manifests.Apply(t.Context(), c, object, namespace); err != nil {
					t.Errorf("%v (%s)", err, row.why)
				}
			}
			expectNoWarnings(t, c)
		})
	}
}

// expectMonitoring judges an object by its Go type.
func expectMonitoring(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	typed := map[string]any{"ServiceMonitor": &monitoringv1.ServiceMonitor{}, "PrometheusRule": &monitoringv1.PrometheusRule{}}[object.GetKind()]
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true); err != nil {
		t.Error(err)
	}
}

func expectNoWarnings(t *testing.T, c *manifests.Strict) {
	t.Helper()
	for _, warning := range c.Warnings() {
		t.Errorf("the API server warns: %s", warning)
	}
}

// accepted are the objects that were accepted without a warning before, as JSON. Most objects are the same in
// most renderings.
var accepted sync.Map

// expectAccepted shows objects to an API server that refuses what it does not know
// and warns of what it would not do. Nothing stays.
func expectAccepted(t *testing.T, objects manifests.Manifest) {
	t.Helper()
	c := strictClient(t)
	for _, object := range objects {
		if object.GroupVersionKind().Group == monitoring.GroupName {
			expectMonitoring(t, object) // there are none without the Prometheus operator
			continue
		}
		content, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		if _, before := accepted.Load(string(content)); before {
			continue
		}
		if namespace := object.GetNamespace(); namespace != "" {
			manifests.Namespace(t, c, namespace)
		}
		if err := dryRun(t, c, object); err != nil {
			t.Errorf("%s is refused: %v", key(object), err)
		} else if len(c.Warnings()) == 0 {
			accepted.Store(string(content), true)
		}
	}
	expectNoWarnings(t, c)
}

// dryRun is kubectl apply --server-side --dry-run=server.
func dryRun(t *testing.T, c client.Client, object *unstructured.Unstructured) error {
	t.Helper()
	return manifests.Apply(t.Context(), c, object, metav1.NamespaceDefault, client.DryRunAll)
}

func key(object *unstructured.Unstructured) string { return object.GetKind() + "/" + object.GetName() }
