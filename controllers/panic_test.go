package controllers

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

// panicking is an endpoint whose first request ends in a panic. controller-runtime recovers
// it, so the process lives on.
type panicking struct {
	generous
	left int
}

func (p *panicking) IssueURL(ctx context.Context, r endpoint.Request) (endpoint.Grant, error) {
	if p.left > 0 {
		p.left--
		panic("a defect")
	}
	return p.generous.IssueURL(ctx, r)
}

// A slot that a panic takes with it is lost until a restart, and the first request with a key
// holds all sessions with that key back until its answer is there.
func TestAPanicLosesNeitherASlotNorAKey(t *testing.T) {
	t.Parallel()
	r, store := newBenchReconciler(1)
	clock := r.clock.(*clocktesting.FakeClock)
	r.endpoint = &panicking{generous: generous{clock}, left: 3}
	reconcile := func() (recovered any) {
		defer func() { recovered = recover() }()
		_, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "finance", Name: "session-0"}})
		must(t, err)
		return nil
	}
	for range 3 {
		if reconcile() == nil {
			t.Fatal("the endpoint was not asked: its one slot is gone")
		}
		clock.Step(time.Minute)
	}
	if recovered := reconcile(); recovered != nil || store.writes != 2 {
		t.Errorf("%d writes after the panics, want a Secret and a status; recovered %v", store.writes, recovered)
	}
}
