package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers"
	"github.com/xtracta/billing-operator/controllers/status"
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
	if o.fresh {
		if err := o.refresh(ctx, env, c); err != nil {
			return err
		}
	}
	preview, err := c.preview(ctx, env, o.name)
	if err != nil {
		return err
	}
	if preview.Plan.Active == nil {
		return notAliveError(c, preview)
	}
	left := preview.Plan.Active.ExpiresAt().Sub(preview.Facts.Now)
	o.warn(env, c, preview, left)
	link := preview.URL.Reveal()
	if o.print {
		env.print("%s", link)
		return nil
	}
	if !isSafeTarget(link) {
		return fmt.Errorf("the URL of session %q is not a safe web address, so it was not opened; request another with: %s",
			o.name, c.advise("renew %s --wait", o.name))
	}
	if err := env.browse(link); err != nil {
		return fmt.Errorf("no browser could be opened (%w); print the URL instead with: %s", err, c.advise("open %s --print", o.name))
	}
	env.print("Opened the billing page of %s in your browser; it works for %s.", o.name, span(left))
	return nil
}

// refresh requests a fresh URL and waits for it.
func (o open) refresh(ctx context.Context, env *environment, c *cluster) error {
	session, err := c.session(ctx, o.name)
	if err != nil {
		return err
	}
	requested, err := requestRenewal(ctx, env, c, []*v1alpha1.BillingSession{session})
	if err != nil {
		return err
	}
	return newWaiter(env, c, requested).wait(ctx, scope{name: o.name}, o.timeout)
}

func (o open) warn(env *environment, c *cluster, preview *controllers.Preview, left time.Duration) {
	if left < lowLife {
		cure := c.advise("open %s --fresh", o.name)
		if preview.Session.Spec.Suspend {
			cure = c.advise("resume %s", o.name)
		}
		env.warn("this URL works for only %s more; for a fresh one, run: %s", span(left), cure)
	}
	if !preview.Plan.UpToDate {
		env.warn("this URL was issued for an earlier API key, purge mode, expiry or endpoint; for details, run: %s",
			c.advise("explain %s", o.name))
	}
}

// isSafeTarget reports whether a browser may open the text. Somebody may have edited
// the Secret, and a launcher of URLs also opens files and starts programs.
func isSafeTarget(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// notAliveError says why no URL works and what to do about it.
func notAliveError(c *cluster, preview *controllers.Preview) error {
	session := preview.Session
	missing := fmt.Sprintf("session %q has no URL yet", session.Name)
	if expires := status.ExpiryOf(&session.Status); !expires.IsZero() {
		missing = fmt.Sprintf("the URL of session %q expired %s ago", session.Name, span(preview.Facts.Now.Sub(expires)))
	}
	switch {
	case session.Spec.Suspend:
		return failf(exitNotReady, "%s, and the session is suspended; resume it with: %s", missing, c.advise("resume %s", session.Name))
	case meta.IsStatusConditionTrue(preview.Status.Conditions, v1alpha1.ConditionStalled):
		return failf(exitNotReady, "%s. %s To see what to do, run: %s", missing,
			asSentence(stateOf(&v1alpha1.BillingSession{Status: preview.Status}, preview.Facts.Now).message),
			c.advise("explain %s", session.Name))
	}
	return failf(exitNotReady, "%s; request one and wait for it with: %s", missing, c.advise("open %s --fresh", session.Name))
}
