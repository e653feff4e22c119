package manifests

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env"
)

// Strict is a client to which an API server says what it would otherwise drop or pass over:
// it refuses fields that it does not know, and warns.
type Strict struct {
	client.Client
	mu       sync.Mutex
	warnings []string
}

// NewStrict makes a strict client.
func NewStrict(t testing.TB, config *rest.Config) *Strict {
	t.Helper()
	s := &Strict{}
	config = rest.CopyConfig(config)
	config.WarningHandler = s
	s.Client = client.WithFieldValidation(env.Client(t, config), metav1.FieldValidationStrict)
	return s
}

// HandleWarningHeader implements rest.WarningHandler.
func (s *Strict) HandleWarningHeader(_ int, _ string, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warnings = append(s.warnings, text)
}

// Warnings are what the API server has against objects that it accepts.
func (s *Strict) Warnings() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.warnings)
}

// Apply does what kubectl apply --server-side does. What names no namespace goes into the
// one that is given.
func Apply(ctx context.Context, c client.Client, object *unstructured.Unstructured, namespace string, options ...client.ApplyOption) error {
	namespaced, err := c.IsObjectNamespaced(object)
	if err != nil {
		return err
	}
	if namespaced && object.GetNamespace() == "" {
		object.SetNamespace(namespace)
	}
	options = append([]client.ApplyOption{client.FieldOwner("test"), client.ForceOwnership}, options...)
	if err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), options...); err != nil {
		return fmt.Errorf("%s %s is refused: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// Namespace creates a namespace unless it is there. It lets in, and warns of, what the
// strictest of the Pod Security Standards does.
func Namespace(t testing.TB, c client.Client, name string) {
	t.Helper()
	if err := c.Create(t.Context(), restricted(metav1.ObjectMeta{Name: name})); client.IgnoreAlreadyExists(err) != nil {
		t.Fatal(err)
	}
}

// NewNamespace creates another namespace of that kind.
func NewNamespace(t testing.TB, c client.Client) string {
	t.Helper()
	namespace := restricted(metav1.ObjectMeta{GenerateName: "test-"})
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}

func restricted(meta metav1.ObjectMeta) *corev1.Namespace {
	meta.Labels = map[string]string{"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}
	return &corev1.Namespace{ObjectMeta: meta}
}
