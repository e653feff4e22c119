// Package api_test checks the BillingSession API on a real API server: what it
// accepts, what it refuses and in which words, and which defaults it fills in.
package api_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
)

var (
	config *rest.Config
	kube   client.Client
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	cp, err := controlplane.Start(context.Background(), controlplane.Options{CRDDirs: []string{"../../config/crd/bases"}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer cp.Stop() //nolint:errcheck // the results of the tests are known
	config = cp.Config()

	types := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(types); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := scheme.AddToScheme(types); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if kube, err = client.New(config, client.Options{Scheme: types}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

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
	if err := kube.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	s.SetNamespace(ns.Name)
	return s
}

func create(t *testing.T, s *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	if err := kube.Create(t.Context(), inNamespace(t, s)); err != nil {
		t.Fatal(err)
	}
	return s
}
