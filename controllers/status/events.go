package status

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// Event is the content of a Kubernetes event.
type Event struct{ Type, Reason, Action, Note string }

// EventFor is the event for a change that a person cares about: first issue, failing,
// expired, stalled, recovered. It is nil for others, such as a renewal.
func EventFor(before, after *v1alpha1.BillingSession) *Event {
	was, is := before.Status.Conditions, after.Status.Conditions
	ready := meta.FindStatusCondition(is, v1alpha1.ConditionReady)
	switch {
	case ready.Status == metav1.ConditionTrue && before.Status.ExpirationTime == nil:
		return &Event{corev1.EventTypeNormal, v1alpha1.ReasonIssued, "Issue", shorten(ready.Message)}
	case isTroubled(was) && !isTroubled(is) && !after.Spec.Suspend: // suspending ends a failure without curing it
		return &Event{corev1.EventTypeNormal, v1alpha1.ReasonRecovered, "Renew", shorten(ready.Message)}
	}
	for _, kind := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionRenewalFailing, v1alpha1.ConditionReconciling} {
		now, then := meta.FindStatusCondition(is, kind), meta.FindStatusCondition(was, kind)
		if now == nil || then != nil && then.Reason == now.Reason || isExpected(now) {
			continue
		}
		return &Event{corev1.EventTypeWarning, now.Reason, "Renew", shorten(now.Message)}
	}
	return nil
}

// isTroubled reports whether something is wrong. A session without conditions is not
// troubled: the controller has not looked at it yet.
func isTroubled(conditions []metav1.Condition) bool {
	return meta.IsStatusConditionFalse(conditions, v1alpha1.ConditionReady) ||
		meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionRenewalFailing)
}

// isExpected reports whether a condition needs no warning: the session waits for its turn,
// or for a key that may come with the same sync.
func isExpected(c *metav1.Condition) bool {
	return c.Type == v1alpha1.ConditionReconciling &&
		(c.Reason == v1alpha1.ReasonQueued || c.Reason == v1alpha1.ReasonKeySecretMissing)
}

// maxNote is the length of the longest note that the API server takes, in bytes.
const maxNote = 1024

func shorten(note string) string {
	if len(note) <= maxNote {
		return note
	}
	const more = "…"
	return strings.ToValidUTF8(note[:maxNote-len(more)], "") + more
}
