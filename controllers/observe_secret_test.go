package controllers

import (
	"context"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// TestSecretThatNoCacheShowsIsLookedFor has our label come off a generated Secret:
// for a moment neither cache shows it. Its URL is hidden, so the status could not
// restore it, and asking for another one would be a waste.
func TestSecretThatNoCacheShowsIsLookedFor(t *testing.T) {
	r, store := newBenchReconciler(1)
	name := types.NamespacedName{Namespace: "finance", Name: "session-0"}
	store.sessions[name].Spec.URLInStatus = v1alpha1.URLInStatusHidden
	reconcile := func() {
		t.Helper()
		if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: name}); err != nil {
			t.Fatal(err)
		}
	}
	reconcile() // issues the URL
	reconcile() // sees what was written
	r.clock.(*clocktesting.FakeClock).Step(time.Minute)
	written := store.writes
	r.reader.cached, r.reader.generated = without{store, name}, without{store, name}
	reconcile()
	if store.writes != written {
		t.Errorf("%d writes for a Secret that is as it should be", store.writes-written)
	}
}

// without is a store that does not show one Secret.
type without struct {
	*memoryStore
	secret types.NamespacedName
}

func (w without) Get(ctx context.Context, name types.NamespacedName, into client.Object, options ...client.GetOption) error {
	if _, ofSession := into.(*v1alpha1.BillingSession); name == w.secret && !ofSession {
		return apierrors.NewNotFound(schema.GroupResource{}, name.Name)
	}
	return w.memoryStore.Get(ctx, name, into, options...)
}
