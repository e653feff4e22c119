package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// renew requests fresh URLs.
type renew struct {
	selection
	wait    bool
	timeout time.Duration
}

func (r renew) run(ctx context.Context, env *environment) error {
	c, err := env.connect()
	if err != nil {
		return err
	}
	sessions, err := c.selected(ctx, env, r.selection)
	if err != nil {
		return err
	}
	requested, err := requestRenewal(ctx, env, c, sessions)
	if !r.wait {
		r.printRequested(env, c, requested)
		return err
	}
	w := newWaiter(env, c, requested)
	w.onGranted = func(session *v1alpha1.BillingSession, fresh bool) {
		what := "renewed; its URL works for %s"
		if !fresh {
			what = "keeps its URL, because the endpoint gave none that works longer; it works for %s"
		}
		env.print("%s "+what, reference(session), life(session, env.clock.Now()))
	}
	return errors.Join(err, w.wait(ctx, r.selection, r.timeout))
}

// printRequested confirms the requests, and warns of suspended sessions, whose
// requests stay pending.
func (r renew) printRequested(env *environment, c *cluster, requested []*v1alpha1.BillingSession) {
	for _, session := range requested {
		env.print("%s renewal requested", reference(session))
		if session.Spec.Suspend {
			env.warn("%s is suspended, so the request waits until you run: %s", session.Name, c.advise("resume %s", session.Name))
		}
	}
}

// requestRenewal puts a new token on each session. It returns the sessions that it
// could patch, as they are afterwards. The customary token is the time.
func requestRenewal(ctx context.Context, env *environment, c *cluster, sessions []*v1alpha1.BillingSession) ([]*v1alpha1.BillingSession, error) {
	var (
		requested []*v1alpha1.BillingSession
		errs      []error
	)
	token := env.clock.Now().UTC().Format(time.RFC3339Nano)
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRenewRequestedAt, token)
	for _, session := range sessions {
		changed, err := c.patch(ctx, session, patch)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		warnIfGitDeclares(env, session, v1alpha1.AnnotationRenewRequestedAt)
		requested = append(requested, changed)
	}
	return requested, errors.Join(errs...)
}
