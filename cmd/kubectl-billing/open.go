package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// open opens the billing page of a session.
type open struct {
	name    string
	print   bool
	fresh   bool
	timeout time.Duration
}

// lowLife is a remaining life in which a person may not finish on the page.
const lowLife = 2 * time.Minute

func (o open) run(ctx context.Context, env *environment) error {
	c, err := env.connect()
	if err != nil {
		return err
	}
	session, err := c.session(ctx, o.name)
	if err != nil {
		return err
	}
	if o.fresh {
		if session, err = o.refresh(ctx, env, c, session); err != nil {
			return err
		}
	}
	left := expiryOf(session).Sub(env.clock.Now())
	if left <= 0 {
		return notAliveError(c, session, env.clock.Now())
	}
	url, err := c.url(ctx, session)
	if err != nil {
		return err
	}
	o.warn(env, c, session, left)
	if !isSafeTarget(url) {
		return fmt.Errorf("the URL of session %q is not a safe web address, so it was not opened; request another with: %s",
			o.name, c.advise("renew %s --wait", o.name))
	}
	if o.print {
		env.print("%s", url)
		return nil
	}
	if err := env.browse(url); err != nil {
		return fmt.Errorf("no browser could be opened (%w); print the URL instead with: %s", err, c.advise("open %s --print", o.name))
	}
	env.print("Opened the billing page of %s in your browser; it works for %s.", o.name, duration.HumanDuration(left))
	return nil
}

// refresh requests a fresh URL and waits for it. It returns the session as it is then.
func (o open) refresh(ctx context.Context, env *environment, c *cluster, session *v1alpha1.BillingSession) (*v1alpha1.BillingSession, error) {
	requested, err := requestRenewal(ctx, env, c, []*v1alpha1.BillingSession{session})
	if err != nil {
		return nil, err
	}
	w := newWaiter(env, c, requested)
	w.onGranted = func(renewed *v1alpha1.BillingSession, _ bool) { session = renewed }
	return session, w.wait(ctx, selection{names: []string{o.name}}, o.timeout)
}

func (o open) warn(env *environment, c *cluster, session *v1alpha1.BillingSession, left time.Duration) {
	if left < lowLife {
		cure := c.advise("open %s --fresh", o.name)
		if session.Spec.Suspend {
			cure = c.advise("resume %s", o.name)
		}
		env.warn("this URL works for only %s more; for a fresh one, run: %s", duration.HumanDuration(left), cure)
	}
	if ready := conditionOf(session, v1alpha1.ConditionReady); ready != nil && ready.Status != metav1.ConditionTrue {
		env.warn("this URL works, but the session is not ready (%s); for details, run: %s", ready.Reason, c.advise("explain %s", o.name))
	}
}

// notAliveError says why no URL works and what to do about it.
func notAliveError(c *cluster, session *v1alpha1.BillingSession, now time.Time) error {
	name, expires := session.Name, expiryOf(session)
	missing := fmt.Sprintf("session %q has no URL yet", name)
	if !expires.IsZero() {
		missing = fmt.Sprintf("the URL of session %q expired %s ago", name, duration.HumanDuration(now.Sub(expires)))
	}
	switch {
	case session.Spec.Suspend:
		return failf(exitNotReady, "%s, and the session is suspended; resume it with: %s", missing, c.advise("resume %s", name))
	case conditionOf(session, v1alpha1.ConditionStalled) != nil:
		return failf(exitNotReady, "%s. %s To see what to do, run: %s", missing, asSentence(stateOf(session, now).message), c.advise("explain %s", name))
	}
	return failf(exitNotReady, "%s; request one and wait for it with: %s", missing, c.advise("open %s --fresh", name))
}

// url returns the URL of a session's page: from the status or, where that hides it, from
// the generated Secret.
func (c *cluster) url(ctx context.Context, session *v1alpha1.BillingSession) (string, error) {
	if session.Status.URL != "" {
		return session.Status.URL, nil
	}
	var secret corev1.Secret
	err := c.get(ctx, secretResource, session.Namespace, cmp.Or(session.Status.SecretName, session.Name), &secret)
	url := string(secret.Data[v1alpha1.SecretKeyURL])
	switch {
	case apierrors.IsNotFound(err), err == nil && url == "":
		return "", failf(exitNotReady, "the URL of session %q is neither in its status nor in its Secret; to see what happens next, run: %s",
			session.Name, c.advise("explain %s", session.Name))
	case err != nil:
		return "", fmt.Errorf("%w; the URL is not in the status (urlInStatus: %s)", c.explainError(err, session.Name), session.Spec.URLInStatus)
	}
	return url, nil
}
