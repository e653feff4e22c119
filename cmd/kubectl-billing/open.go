package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers"
)

// open opens the billing page of a session.
type open struct {
	name    string
	print   bool
	fresh   bool
	timeout time.Duration
}

// littleLife is so little that a person may not finish what the page is for.
const littleLife = 2 * time.Minute

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
	outlook, err := c.foresee(ctx, env, o.name)
	if err != nil {
		return err
	}
	if outlook.Plan.Held == nil {
		return notAlive(c, outlook)
	}
	left := outlook.Plan.Held.ExpiresAt().Sub(outlook.Facts.Now)
	o.warn(env, c, outlook, left)
	link := outlook.URL.Reveal()
	if o.print {
		env.say("%s", link)
		return nil
	}
	if !openable(link) {
		return fmt.Errorf("what session %q holds is no web address, so it is not opened; ask for another with: %s",
			o.name, c.advise("renew %s --wait", o.name))
	}
	if err := env.browse(link); err != nil {
		return fmt.Errorf("no browser could be opened (%w); print the URL instead: %s", err, c.advise("open %s --print", o.name))
	}
	env.say("Opened the billing page of %s in your browser; it works for %s.", o.name, span(left))
	return nil
}

// refresh asks for a fresh URL and waits for it.
func (o open) refresh(ctx context.Context, env *environment, c *cluster) error {
	session, err := c.session(ctx, o.name)
	if err != nil {
		return err
	}
	asked, err := request(ctx, env, c, []*v1alpha1.BillingSession{session})
	if err != nil {
		return err
	}
	return newVigil(env, c, asked).keep(ctx, scope{name: o.name}, o.timeout)
}

func (o open) warn(env *environment, c *cluster, outlook *controllers.Outlook, left time.Duration) {
	if left < littleLife {
		cure := c.advise("open %s --fresh", o.name)
		if outlook.Session.Spec.Suspend {
			cure = c.advise("resume %s", o.name)
		}
		env.warn("this URL works for only %s more; for a fresh one: %s", span(left), cure)
	}
	if !outlook.Plan.Current {
		env.warn("this URL was issued for other inputs than today's (API key, purge, expiry or endpoint); see: %s",
			c.advise("explain %s", o.name))
	}
}

// openable says whether a browser should be given the text: a Secret may have been
// tampered with, and what opens URLs opens files and programs as well.
func openable(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// notAlive says why there is nothing to open, and what to do.
func notAlive(c *cluster, outlook *controllers.Outlook) error {
	session := outlook.Session
	missing := fmt.Sprintf("session %q has no URL yet", session.Name)
	if expires := controllers.ExpiryOf(&session.Status); !expires.IsZero() {
		missing = fmt.Sprintf("the URL of session %q expired %s ago", session.Name, span(outlook.Facts.Now.Sub(expires)))
	}
	switch {
	case session.Spec.Suspend:
		return fail(exitNotReady, "%s, and the session is suspended; let it go on with: %s", missing, c.advise("resume %s", session.Name))
	case meta.IsStatusConditionTrue(outlook.Status.Conditions, v1alpha1.ConditionStalled):
		return fail(exitNotReady, "%s. %s See what to do with: %s", missing,
			asSentence(stateOf(&v1alpha1.BillingSession{Status: outlook.Status}, outlook.Facts.Now).message),
			c.advise("explain %s", session.Name))
	}
	return fail(exitNotReady, "%s; ask for a fresh one and wait for it with: %s", missing, c.advise("open %s --fresh", session.Name))
}
