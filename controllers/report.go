package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// errOutdated: the session changed since it was read, so that another pass is due.
var errOutdated = errors.New("the session changed meanwhile")

// report writes the status if it changed, in one patch, and then tells people
// what they would want to know.
func (r *Reconciler) report(ctx context.Context, seen *observation, plan renewal.Plan) error {
	before := seen.session
	next := statusOf(seen, r.facts(seen), plan)
	if equality.Semantic.DeepEqual(before.Status, next) {
		return nil
	}
	after := before.DeepCopy()
	after.Status = next
	patch, err := statusPatch(before, after)
	if err != nil {
		return fmt.Errorf("compose the status: %w", err)
	}
	err = r.Sessions.Status().Patch(ctx, after, patch)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case apierrors.IsConflict(err):
		return errOutdated
	case err != nil:
		return fmt.Errorf("write the status: %s", answerOf(err))
	}
	seen.memory.session = after
	r.announce(ctx, before, after)
	return nil
}

// statusPatch is what differs in the status, to be applied only to the version that
// was decided on. The rest of the session is not compared: that takes a while.
func statusPatch(before, after *v1alpha1.BillingSession) (client.Patch, error) {
	statusOnly := func(session *v1alpha1.BillingSession) *v1alpha1.BillingSession {
		return &v1alpha1.BillingSession{
			ObjectMeta: metav1.ObjectMeta{ResourceVersion: session.ResourceVersion}, Status: session.Status,
		}
	}
	data, err := client.MergeFromWithOptions(statusOnly(before), client.MergeFromWithOptimisticLock{}).Data(statusOnly(after))
	return client.RawPatch(types.MergePatchType, data), err
}

// announce records an event for a change that a person cares about, and logs it: an event is
// gone after an hour. A renewal is none.
func (r *Reconciler) announce(ctx context.Context, before, after *v1alpha1.BillingSession) {
	n := newsOf(before, after)
	if n == nil {
		return
	}
	r.Events.Eventf(after, nil, n.kind, n.reason, n.action, "%s", shorten(n.note))
	ctrl.LoggerFrom(ctx).Info("The session changed", "reason", n.reason,
		"ready", meta.IsStatusConditionTrue(after.Status.Conditions, v1alpha1.ConditionReady), "message", n.note)
}

// longestNote is the longest note of an event that the API server takes, in bytes.
const longestNote = 1024

func shorten(note string) string {
	if len(note) <= longestNote {
		return note
	}
	const more = "…"
	return strings.ToValidUTF8(note[:longestNote-len(more)], "") + more
}
