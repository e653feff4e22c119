package kustomize

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
)

func TestEveryObjectIsAccepted(t *testing.T) {
	for _, row := range []struct{ folder, why string }{
		{"default", "applying once more what was applied is what GitOps tools do all day"},
		{"namespaced", "the same operator with another scope"},
		{"shards", "the same operator twice, each with a part of the sessions"},
		{"samples", "a sample must work as it is"},
		{"argocd", "what Argo CD learns is a ConfigMap"},
	} {
		t.Run(row.folder, func(t *testing.T) {
			warnings := &warnings{}
			c := strictClient(t, cluster, warnings)
			namespace := newNamespace(t, c)
			createMissing(t, c, "finance")
			createMissing(t, c, "argocd")
			for _, object := range rendered(t, row.folder) {
				if err := apply(t.Context(), c, object, namespace); err != nil {
					t.Errorf("%v (%s)", err, row.why)
				}
			}
			for _, warning := range warnings.said() {
				t.Errorf("the API server warns: %s", warning)
			}
		})
	}
}

// What the other tests rely on: that the API server is strict, and says so.
func TestUnknownFieldsAreRefused(t *testing.T) {
	for _, row := range []struct {
		folder, kind string
		field        []string
	}{
		{"default", "Deployment", []string{"spec", "template", "spec", "unknown"}},
		{"default", "ClusterRole", []string{"unknown"}},
		{"samples", "BillingSession", []string{"spec", "unknown"}},
	} {
		t.Run(row.kind, func(t *testing.T) {
			c := strictClient(t, cluster, &warnings{})
			object := firstOfKind(t, rendered(t, row.folder), row.kind)
			if err := unstructured.SetNestedField(object.Object, "x", row.field...); err != nil {
				t.Fatal(err)
			}
			err := apply(t.Context(), c, object, newNamespace(t, c))
			if err == nil || !strings.Contains(err.Error(), row.field[len(row.field)-1]) {
				t.Errorf("%s with an unknown field: %v", row.kind, err)
			}
		})
	}
}

func firstOfKind(t *testing.T, objects manifest, kind string) *unstructured.Unstructured {
	t.Helper()
	i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == kind })
	if i < 0 {
		t.Fatalf("there is no %s", kind)
	}
	return objects[i]
}

// install applies a folder to a cluster, and returns once BillingSessions are served.
func install(ctx context.Context, to *controlplane.ControlPlane, folder string) error {
	objects, err := render(folder)
	if err != nil {
		return err
	}
	c, err := client.New(to.Config(), client.Options{Scheme: scheme()})
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := apply(ctx, client.WithFieldValidation(c, metav1.FieldValidationStrict), object, metav1.NamespaceDefault); err != nil {
			return err
		}
	}
	api, err := discovery.NewDiscoveryClientForConfig(to.Config())
	if err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, pace, patience, true, func(context.Context) (bool, error) {
		_, err := api.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
		return err == nil, nil
	})
}

// apply is kubectl apply --server-side. What names no namespace goes into that one.
func apply(ctx context.Context, c client.Client, object *unstructured.Unstructured, namespace string) error {
	namespaced, err := c.IsObjectNamespaced(object)
	if err != nil {
		return err
	}
	if namespaced && object.GetNamespace() == "" {
		object.SetNamespace(namespace)
	}
	err = c.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("test"), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("%s %s is refused: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

const (
	patience = time.Minute
	pace     = 20 * time.Millisecond // of looking; no bound
)

func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	_ = clientgoscheme.AddToScheme(s)
	_ = v1alpha1.AddToScheme(s)
	return s
}

// strictClient is an administrator's, to whom the API server says what it would
// otherwise drop or pass over.
func strictClient(t *testing.T, of *controlplane.ControlPlane, heard *warnings) client.Client {
	t.Helper()
	config := of.Config()
	config.WarningHandler = heard
	c, err := client.New(config, client.Options{Scheme: scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return client.WithFieldValidation(c, metav1.FieldValidationStrict)
}

// warnings are what the API server has against an object that it accepts.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warnings) HandleWarningHeader(_ int, _ string, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

func (w *warnings) said() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.texts)
}

func newNamespace(t *testing.T, c client.Client) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}

func createMissing(t *testing.T, c client.Client, name string) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := c.Create(t.Context(), namespace); client.IgnoreAlreadyExists(err) != nil {
		t.Fatal(err)
	}
}
