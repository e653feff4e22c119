package controllers

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/apikey"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/controllers/status"
)

// errOutdated: the session changed after it was read, so nothing is known of it.
var errOutdated = errors.New("the session changed meanwhile")

// report writes the status if it changed, in one patch, and then records an event if a
// person cares about the change.
func (r *Reconciler) report(ctx context.Context, seen observation, facts renewal.Facts, plan renewal.Plan) error {
	if plan.Quiet {
		return nil
	}
	before := seen.session
	next := status.Of(seen.statusInput(facts, plan))
	if !isNews(&before.Status, next) {
		return nil
	}
	after := before.DeepCopy()
	after.Status = next
	patch, err := statusPatch(before, after)
	if err != nil {
		return fmt.Errorf("compose the status: %w", err)
	}
	switch err = r.client.Status().Patch(ctx, after, patch); {
	case apierrors.IsNotFound(err):
		return nil
	case apierrors.IsConflict(err):
		return errOutdated
	case err != nil:
		// Not %w: the API server's own message may quote the status, and with it the URL.
		return fmt.Errorf("write the status: %s", status.DescribeAPIError(err))
	}
	seen.local.session.wrote(after.ResourceVersion, r.clock.Now())
	r.recordEvent(ctx, before, after)
	return nil
}

// isNews reports whether a status says anything new. Another version of the Secret alone is not
// worth a patch: a process that does not know it reads the Secret once.
func isNews(before *v1alpha1.BillingSessionStatus, next v1alpha1.BillingSessionStatus) bool {
	next.SecretResourceVersion = before.SecretResourceVersion
	return !equality.Semantic.DeepEqual(*before, next)
}

// statusInput is what the status is made from.
func (seen observation) statusInput(facts renewal.Facts, plan renewal.Plan) status.Input {
	in := status.Input{
		Session: seen.session, Facts: facts, Plan: plan,
		SecretName: secret.NameFor(seen.session), HasSecret: seen.secret != nil,
		Problems: status.Problems{
			Secret: seen.secretProblem, Finalizers: seen.finalizers, Write: seen.local.pending.message, Key: seen.keyProblem(),
		},
	}
	if seen.secretState == renewal.SecretOurs {
		in.IntactVersion = seen.secret.ResourceVersion
	}
	if grant := seen.lastGrant(); grant != nil {
		in.Grant, in.URL = grant.Timing(), grant.URL.Reveal()
	}
	return in
}

// lastGrant is the grant that the Secret holds or, while that is gone or edited, the status.
func (seen observation) lastGrant() *secret.Grant {
	if seen.inSecret != nil {
		return seen.inSecret
	}
	return seen.inStatus
}

func (seen observation) keyProblem() status.KeyProblem {
	ref, problem := apikey.RefOf(seen.session), seen.key.Problem
	return status.KeyProblem{
		Namespace: ref.Secret.Namespace, Secret: ref.Secret.Name, Entry: ref.Entry,
		NoEntry: problem.NoEntry, GeneratedFor: problem.GeneratedFor, Type: string(problem.Type), Value: problem.Value,
	}
}

// statusPatch holds the changed fields of the status. The API server applies it only to the
// version that was decided on. Comparing the rest of the session would cost time for nothing.
func statusPatch(before, after *v1alpha1.BillingSession) (client.Patch, error) {
	statusOnly := func(session *v1alpha1.BillingSession) *v1alpha1.BillingSession {
		return &v1alpha1.BillingSession{
			ObjectMeta: metav1.ObjectMeta{ResourceVersion: session.ResourceVersion}, Status: session.Status,
		}
	}
	data, err := client.MergeFromWithOptions(statusOnly(before), client.MergeFromWithOptimisticLock{}).Data(statusOnly(after))
	return client.RawPatch(types.MergePatchType, data), err
}

// recordEvent records an event for a change that a person cares about, and logs it: an
// event is gone after an hour.
func (r *Reconciler) recordEvent(ctx context.Context, before, after *v1alpha1.BillingSession) {
	event := status.EventFor(before, after)
	if event == nil {
		return
	}
	r.events.Eventf(after, nil, event.Type, event.Reason, event.Action, "%s", event.Note)
	ctrl.LoggerFrom(ctx).Info("The session changed", "reason", event.Reason,
		"ready", meta.IsStatusConditionTrue(after.Status.Conditions, v1alpha1.ConditionReady), "message", event.Note)
}

// logResult logs the result of a request. The controller's logger names the session.
func logResult(ctx context.Context, last *v1alpha1.Attempt, plan renewal.Plan, result renewal.Result) {
	log, message := ctrl.LoggerFrom(ctx).WithValues("cause", plan.Cause, "outcome", result.Outcome), "The endpoint granted no URL"
	if result.Grant != nil {
		log, message = log.WithValues("expires", status.Timestamp(result.Grant.Expire)), "The endpoint granted a URL"
	}
	if last != nil {
		log.Info(message+"; it will be asked again", "message", last.Message,
			"failures", last.Failures, "next", status.Timestamp(last.NextTime.Time))
		return
	}
	log.Info(message)
}
