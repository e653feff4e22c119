// Package api_test checks the BillingSession API on a real API server: what it
// accepts, what it refuses and in which words, and which defaults it fills in.
package api_test

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

// session returns the smallest valid BillingSession with the fields of spec (YAML)
// laid over it. It is unstructured, so that rows can say what the Go types cannot.
func session(t *testing.T, name, spec string) *unstructured.Unstructured {
	t.Helper()
	merged := map[string]any{"apiKeySecretRef": map[string]any{"name": "acme-key"}}
	maps.Copy(merged, fields(t, spec))
	s := &unstructured.Unstructured{Object: map[string]any{"spec": merged}}
	s.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
	s.SetNamespace(metav1.NamespaceDefault)
	s.SetName(name)
	return s
}

func fields(t *testing.T, text string) map[string]any {
	t.Helper()
	var parsed map[string]any
	if err := yaml.Unmarshal([]byte(text), &parsed); err != nil {
		t.Fatalf("a row of this test is not YAML: %v", err)
	}
	return parsed
}

// inNamespace moves a session into a new namespace of its own.
func inNamespace(t *testing.T, s *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := env.Kube(t).Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	s.SetNamespace(ns.Name)
	return s
}

func create(t *testing.T, s *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	if err := env.Kube(t).Create(t.Context(), inNamespace(t, s)); err != nil {
		t.Fatal(err)
	}
	return s
}
