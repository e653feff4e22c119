// Package invariants holds what must always be true of a session, its Secret and its
// conditions, whatever happens around them. Tests check it after every pass.
package invariants

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// reasons are why a session that is not ready is in a condition. A missing key is waited for
// first and then needs a person; so does a write, once it is refused.
var reasons = map[string][]string{
	v1alpha1.ConditionReconciling: {
		v1alpha1.ReasonExpired, v1alpha1.ReasonInputsChanged, v1alpha1.ReasonQueued, v1alpha1.ReasonThrottled,
		v1alpha1.ReasonUnavailable, v1alpha1.ReasonMalformed, v1alpha1.ReasonAwaitingCollection,
		v1alpha1.ReasonKeySecretMissing, v1alpha1.ReasonSecretWriteFailed,
	},
	v1alpha1.ConditionStalled: {
		v1alpha1.ReasonRejected, v1alpha1.ReasonKeySecretMissing, v1alpha1.ReasonKeySecretForbidden, v1alpha1.ReasonKeyInvalid,
		v1alpha1.ReasonSecretConflict, v1alpha1.ReasonSecretWriteFailed,
	},
	v1alpha1.ConditionRenewalFailing: {
		v1alpha1.ReasonRejected, v1alpha1.ReasonThrottled, v1alpha1.ReasonUnavailable, v1alpha1.ReasonMalformed,
		v1alpha1.ReasonKeySecretMissing, v1alpha1.ReasonKeySecretForbidden, v1alpha1.ReasonKeyInvalid, v1alpha1.ReasonSecretWriteFailed,
	},
}

// Conditions returns what cannot be true together in the status of a session that the
// controller has looked at.
func Conditions(session *v1alpha1.BillingSession) (problems []string) {
	complain := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	status := session.Status
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return []string{"Ready is missing"}
	}
	for i := range status.Conditions {
		c := &status.Conditions[i]
		if c.ObservedGeneration != status.ObservedGeneration {
			complain("%s is of another generation", c.Type)
		}
		if c.Message == "" || strings.TrimSpace(c.Message) != c.Message {
			complain("%s says %q", c.Type, c.Message)
		}
		if c.Type == v1alpha1.ConditionReady {
			continue
		}
		if c.Status != metav1.ConditionTrue {
			complain("%s is there without being true", c.Type)
		}
		if !slices.Contains(reasons[c.Type], c.Reason) {
			complain("%s for reason %s", c.Type, c.Reason)
		}
		if c.Type != v1alpha1.ConditionRenewalFailing && (c.Reason != ready.Reason || c.Message != ready.Message) {
			complain("%s says something else than Ready", c.Type)
		}
	}
	if status.ObservedGeneration > session.Generation {
		complain("observed a generation that is not there yet")
	}
	return append(append(problems, readiness(session, ready)...), shownURL(session)...)
}

// readiness returns what contradicts the condition Ready.
func readiness(session *v1alpha1.BillingSession, ready *metav1.Condition) (problems []string) {
	complain := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	status := session.Status
	is := func(kind string) bool { return meta.IsStatusConditionTrue(status.Conditions, kind) }
	reconciling, stalled, failing := is(v1alpha1.ConditionReconciling), is(v1alpha1.ConditionStalled), is(v1alpha1.ConditionRenewalFailing)
	isReady := ready.Status == metav1.ConditionTrue
	switch {
	case isReady != (ready.Reason == v1alpha1.ReasonIssued):
		complain("Ready=%s for reason %s", ready.Status, ready.Reason)
	case isReady && (reconciling || stalled):
		complain("Ready together with Reconciling or Stalled")
	case isReady && (status.ExpirationTime == nil || status.IssueTime == nil || status.IssuedFor == nil):
		complain("Ready without the times and inputs of a URL")
	case isReady:
	case failing:
		complain("RenewalFailing while not Ready")
	case ready.Reason == v1alpha1.ReasonSuspended && (reconciling || stalled):
		complain("suspended, and yet Reconciling or Stalled")
	case ready.Reason != v1alpha1.ReasonSuspended && reconciling == stalled:
		complain("not Ready needs exactly one of Reconciling and Stalled")
	}
	return problems
}

// shownURL returns what contradicts spec.urlInStatus.
func shownURL(session *v1alpha1.BillingSession) []string {
	hidden := session.Spec.URLInStatus == v1alpha1.URLInStatusHidden && session.Status.ObservedGeneration == session.Generation
	if hidden && session.Status.URL != "" {
		return []string{"the URL is shown although it is to be hidden"}
	}
	return nil
}
