package controllers

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/xtracta/billing-operator/controllers/renewal"
)

// tell logs what came of a request. The controller's logger names the session.
func (r *Reconciler) tell(ctx context.Context, seen *observation, plan renewal.Plan, a renewal.Answer) {
	log, said := ctrl.LoggerFrom(ctx).WithValues("cause", plan.Cause, "outcome", a.Outcome), "The endpoint granted no URL"
	if a.Grant != nil {
		log, said = log.WithValues("expires", stamp(a.Grant.Expire)), "The endpoint granted a URL"
	}
	if last := seen.memory.last; last != nil {
		log.Info(said+"; it will be asked again", "message", last.Message,
			"failures", last.Failures, "next", stamp(last.NextTime.Time))
		return
	}
	log.Info(said)
}
