package main

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	if o.fresh {
		if err := o.refresh(ctx, env, c); err != nil {
			return err
		}
	}
	p, err := o.find(ctx, env, c)
	if err != nil {
		return err
	}
	if p.url == "" {
		return notAliveError(c, p, env.clock.Now())
	}
	left := p.expires.Sub(env.clock.Now())
	o.warn(env, c, p, left)
	if !isSafeTarget(p.url) {
		return fmt.Errorf("the URL of session %q is not a safe web address, so it was not opened; request another with: %s",
			o.name, c.advise("renew %s --wait", o.name))
	}
	if o.print {
		env.print("%s", p.url)
		return nil
	}
	if err := env.browse(p.url); err != nil {
		return fmt.Errorf("no browser could be opened (%w); print the URL instead with: %s", err, c.advise("open %s --print", o.name))
	}
	env.print("Opened the billing page of %s in your browser; it works for %s.", o.name, formatDuration(left))
	return nil
}

// find returns the session's page. If the user may not read the Secrets, it is the page
// that the status shows.
func (o open) find(ctx context.Context, env *environment, c *cluster) (page, error) {
	preview, err := c.preview(ctx, env, o.name)
	if err == nil {
		if preview.Unread != nil {
			env.warn("whether the URL is for today's API key is not known: %v", preview.Unread)
		}
		return pageOf(preview), nil
	}
	unread := (*unreadableError)(nil)
	if !errors.As(err, &unread) {
		return page{}, err
	}
	p := pageInStatus(unread.session, env.clock.Now())
	switch {
	case p.url == "" && unread.session.Spec.URLInStatus == v1alpha1.URLInStatusHidden:
		return page{}, fmt.Errorf("%w; the session keeps its URL out of the status (urlInStatus: Hidden)", err)
	case p.url == "" && (p.expires.IsZero() || env.clock.Now().Before(p.expires)):
		return page{}, err
	case p.url != "":
		env.warn("the URL is from the status, because not everything could be read: %v", err)
	}
	return p, nil
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

func (o open) warn(env *environment, c *cluster, p page, left time.Duration) {
	if left < lowLife {
		cure := c.advise("open %s --fresh", o.name)
		if p.session.Spec.Suspend {
			cure = c.advise("resume %s", o.name)
		}
		env.warn("this URL works for only %s more; for a fresh one, run: %s", formatDuration(left), cure)
	}
	if p.outdated {
		env.warn("this URL was issued for an earlier API key, purge mode, expiry or endpoint; for details, run: %s",
			c.advise("explain %s", o.name))
	}
}
