package controllers

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// news is what becomes an event.
type news struct{ kind, reason, action, note string }

// newsOf is what a person would want to know of the change from one status to
// the next: first issue, failing, expired, stalled, recovered.
func newsOf(before, after *v1alpha1.BillingSession) *news {
	was, is := before.Status.Conditions, after.Status.Conditions
	ready := meta.FindStatusCondition(is, v1alpha1.ConditionReady)
	switch {
	case ready.Status == metav1.ConditionTrue && before.Status.ExpirationTime == nil:
		return &news{corev1.EventTypeNormal, v1alpha1.ReasonIssued, "Issue", ready.Message}
	case troubled(was) && !troubled(is) && !after.Spec.Suspend: // a suspended session fails no more, and is no better
		return &news{corev1.EventTypeNormal, v1alpha1.ReasonRecovered, "Renew", ready.Message}
	}
	for _, kind := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionRenewalFailing, v1alpha1.ConditionReconciling} {
		now, then := meta.FindStatusCondition(is, kind), meta.FindStatusCondition(was, kind)
		if now != nil && (then == nil || then.Reason != now.Reason) {
			return &news{corev1.EventTypeWarning, now.Reason, "Renew", now.Message}
		}
	}
	return nil
}

// troubled says whether something was wrong; a session that nobody looked at yet is not.
func troubled(conditions []metav1.Condition) bool {
	return meta.IsStatusConditionFalse(conditions, v1alpha1.ConditionReady) ||
		meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionRenewalFailing)
}
