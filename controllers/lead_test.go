package controllers

import (
	"testing"

	ctrl "sigs.k8s.io/controller-runtime"
)

// TestWhoMayHaveLostTheLeadAsksForNothing, and looks again soon: the lease may be renewed late.
func TestWhoMayHaveLostTheLeadAsksForNothing(t *testing.T) {
	t.Parallel()
	s, leads := newWaitStage(t), false
	s.r.leads = func() bool { return leads }
	result, err := s.r.Reconcile(t.Context(), ctrl.Request{NamespacedName: s.name()})
	must(t, err)
	if issued := s.store.sessions[s.name()].Status.IssueTime; issued != nil || result.RequeueAfter != leadRetry {
		t.Errorf("issued %v, and looks again after %s", issued, result.RequeueAfter)
	}
	leads = true
	s.reconcile()
	if s.store.sessions[s.name()].Status.IssueTime == nil {
		t.Error("once it leads, nothing is issued")
	}
}
