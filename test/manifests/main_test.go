// Package manifests_test holds what is in config/ to its word. The pinned Kustomize and Helm render it,
// a real API server judges what comes of it, and the manager runs with no other permissions
// than those.
package manifests_test

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

const (
	systemNamespace = "billing-operator-system"
	operatorName    = "billing-operator"
	otherNamespace  = "xtracta"
	crdName         = "billingsessions.billing.xtracta.com"
)

func TestMain(m *testing.M) { env.Main(m) }

// cluster is the one API server of these tests, to which config/default is applied before any of
// them.
func cluster(t *testing.T) *controlplane.ControlPlane {
	t.Helper()
	// Common where tenants are kept apart; it asks more of whoever writes an owner.
	flags := map[string][]string{"enable-admission-plugins": {"OwnerReferencesPermissionEnforcement"}}
	return env.BareCluster(t, flags, func(ctx context.Context, to *controlplane.ControlPlane) error {
		return install(ctx, to, manifests.Rendered(t, "default"))
	})
}

// install applies objects, and returns once BillingSessions are served.
func install(ctx context.Context, to *controlplane.ControlPlane, objects manifests.Manifest) error {
	c, err := client.New(to.Config(), client.Options{Scheme: env.Scheme()})
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := manifests.Apply(ctx, client.WithFieldValidation(c, metav1.FieldValidationStrict), object, metav1.NamespaceDefault); err != nil {
			return err
		}
	}
	return wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, env.Patience, true, func(ctx context.Context) (bool, error) {
		return c.List(ctx, &v1alpha1.BillingSessionList{}, client.Limit(1)) == nil, nil
	})
}

// strictClient is an administrator's client to the cluster.
func strictClient(t *testing.T) *manifests.Strict {
	t.Helper()
	return manifests.NewStrict(t, cluster(t).Config())
}
