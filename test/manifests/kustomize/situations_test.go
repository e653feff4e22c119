package kustomize

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/fixtures"
)

// The situations that Argo CD's and Flux's code are tested with are written by
// hand: they must at least be what the API allows.
func TestSituationsAreSessions(t *testing.T) {
	for _, row := range fixtures.Situations(t) {
		t.Run(row.Situation, func(t *testing.T) {
			var session v1alpha1.BillingSession
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(row.Session.Object, &session, true); err != nil {
				t.Fatal(err)
			}
			looked := session.Status.ObservedGeneration >= 0
			if ready := meta.FindStatusCondition(session.Status.Conditions, v1alpha1.ConditionReady); (ready != nil) != looked {
				t.Errorf("Ready is %v although the session was looked at: %v", ready, looked)
			}
		})
	}
}
