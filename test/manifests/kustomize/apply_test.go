package kustomize

import (
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

func TestEveryObjectIsAccepted(t *testing.T) {
	for _, row := range []struct{ folder, why string }{
		{"default", "applying once more what was applied is what GitOps tools do all day"},
		{"namespaced", "the same operator with another scope"},
		{"shards", "the same operator twice, each with a part of the sessions"},
		{"samples", "a sample must work as it is"},
		{"samples/link", "a sample must work as it is"},
		{"argocd", "what Argo CD learns is a ConfigMap"},
	} {
		t.Run(row.folder, func(t *testing.T) {
			c := manifests.NewStrict(t, cluster(t).Config())
			namespace := manifests.NewNamespace(t, c)
			manifests.Namespace(t, c, "finance")
			manifests.Namespace(t, c, "argocd")
			for _, object := range manifests.Rendered(t, row.folder) {
				if err := manifests.Apply(t.Context(), c, object, namespace); err != nil {
					t.Errorf("%v (%s)", err, row.why)
				}
			}
			for _, warning := range c.Warnings() {
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
			c := manifests.NewStrict(t, cluster(t).Config())
			object := manifests.Rendered(t, row.folder).OfKind(row.kind)[0]
			if err := unstructured.SetNestedField(object.Object, "x", row.field...); err != nil {
				t.Fatal(err)
			}
			err := manifests.Apply(t.Context(), c, object, manifests.NewNamespace(t, c))
			if err == nil || !strings.Contains(err.Error(), row.field[len(row.field)-1]) {
				t.Errorf("%s with an unknown field: %v", row.kind, err)
			}
		})
	}
}

// install applies a folder to a cluster, and returns once BillingSessions are served.
func install(ctx context.Context, to *controlplane.ControlPlane, folder string) error {
	objects, err := manifests.Kustomize(env.Path("config", folder))
	if err != nil {
		return err
	}
	c, err := client.New(to.Config(), client.Options{Scheme: env.Scheme()})
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := manifests.Apply(ctx, client.WithFieldValidation(c, metav1.FieldValidationStrict), object, metav1.NamespaceDefault); err != nil {
			return err
		}
	}
	api, err := discovery.NewDiscoveryClientForConfig(to.Config())
	if err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, env.Patience, true, func(context.Context) (bool, error) {
		_, err := api.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
		return err == nil, nil
	})
}
