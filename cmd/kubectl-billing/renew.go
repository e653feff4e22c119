package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func renewCommand(parsed *invocation) *cobra.Command {
	var op renew
	c := &cobra.Command{
		Use:   "renew NAME... | --all | -l SELECTOR",
		Short: "Request fresh URLs now",
		Long: `Requests fresh URLs from the operator, by the annotation
billing.xtracta.com/renew-requested-at. A request is finished when the endpoint grants
or rejects it. It stays pending while the endpoint is down or throttles, and while the
session is suspended. A URL that works is kept until a new one is granted.

With --wait the exit code tells the result.`,
		Example: `  kubectl billing renew acme --wait
  kubectl billing renew --all -n finance`,
		RunE: func(c *cobra.Command, args []string) error {
			err := op.take(args)
			parsed.operation = op
			return errors.Join(err, checkTimeout(c, op.timeout, "wait"))
		},
		ValidArgsFunction: completeMany(parsed),
	}
	op.addFlags(c)
	c.Flags().BoolVar(&op.wait, "wait", false, "wait until each request is finished")
	addTimeoutFlag(c, &op.timeout)
	return c
}

// renew requests fresh URLs.
type renew struct {
	selection
	wait    bool
	timeout time.Duration
}

func (r renew) run(ctx context.Context, env *environment) error {
	sessions, err := env.selected(ctx, r.selection)
	if err != nil {
		return err
	}
	requested, err := requestRenewal(ctx, env, sessions)
	if r.wait {
		return errors.Join(err, waitForRenewal(ctx, env, r.selection, requested, r.timeout, func(session *v1alpha1.BillingSession, fresh bool) {
			what := "renewed; its URL works for %s"
			if !fresh {
				what = "keeps its URL, because the endpoint gave none that works longer; it works for %s"
			}
			env.print("%s "+what, reference(session), life(session, env.now()))
		}))
	}
	for _, session := range requested {
		env.print("%s renewal requested", reference(session))
		if session.Spec.Suspend {
			env.warn("%s is suspended, so the request waits until you run: %s", session.Name, env.advise("resume %s", session.Name))
		}
	}
	return err
}

// requestRenewal puts a new token on each session. It returns the sessions that it
// could patch, as they are afterwards. The customary token is the time.
func requestRenewal(ctx context.Context, env *environment, sessions []v1alpha1.BillingSession) ([]*v1alpha1.BillingSession, error) {
	var (
		requested []*v1alpha1.BillingSession
		errs      []error
	)
	token := env.now().UTC().Format(time.RFC3339Nano)
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRenewRequestedAt, token)
	for i := range sessions {
		changed, err := env.patch(ctx, &sessions[i], patch)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		warnIfGitDeclares(env, &sessions[i], "metadata", "annotations", v1alpha1.AnnotationRenewRequestedAt)
		requested = append(requested, changed)
	}
	return requested, errors.Join(errs...)
}

func addTimeoutFlag(c *cobra.Command, timeout *time.Duration) {
	c.Flags().DurationVar(timeout, "timeout", time.Minute, "how long to wait at most, for example 30s or 2m")
}

// checkTimeout checks the bound of a wait, which another flag asks for.
func checkTimeout(c *cobra.Command, timeout time.Duration, wait string) error {
	waits, _ := c.Flags().GetBool(wait)
	switch {
	case c.Flags().Changed("timeout") && !waits:
		return fmt.Errorf("--timeout limits how long --%s waits; add --%s or omit --timeout", wait, wait)
	case timeout <= 0:
		return errors.New("--timeout must be more than 0, for example 30s")
	}
	return nil
}
