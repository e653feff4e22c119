package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func openCommand(parsed *invocation) *cobra.Command {
	var op open
	c := &cobra.Command{
		Use:   "open NAME",
		Short: "Open a session's billing page in the browser",
		Long: `Opens a session's billing page in the browser, with the URL from the status or, where
that hides it, from the generated Secret. A URL that has expired is not opened.

The browser gets the URL on its command line, where other users of the same machine
may see it; on such a machine use --print.`,
		Example: `  kubectl billing open acme
  kubectl billing open acme --fresh
  kubectl billing open acme --print | xclip`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if err := checkTimeout(c, op.timeout, "fresh"); err != nil {
				return err
			}
			op.name, err = oneName(c, args)
			parsed.operation = op
			return err
		},
		ValidArgsFunction: completeOne(parsed),
	}
	c.Flags().BoolVar(&op.print, "print", false, "print the URL, and nothing else, instead of opening it")
	c.Flags().BoolVar(&op.fresh, "fresh", false, "first request a fresh URL and wait for it")
	addTimeoutFlag(c, &op.timeout)
	return c
}

// open opens the billing page of a session.
type open struct {
	name    string
	print   bool
	fresh   bool
	timeout time.Duration
}

func (o open) run(ctx context.Context, env *environment) error {
	session, err := env.session(ctx, o.name)
	if err != nil {
		return err
	}
	if o.fresh {
		if session, err = o.refresh(ctx, env, session); err != nil {
			return err
		}
	}
	left := expiryOf(session).Sub(env.now())
	if left <= 0 {
		return notAliveError(env, session)
	}
	url, err := env.url(ctx, session)
	if err != nil {
		return err
	}
	warnOf(env, session, left)
	if !isSafeTarget(url) {
		return fmt.Errorf("the URL of session %q is not a safe web address, so it was not opened; request another with: %s",
			o.name, env.advise("renew %s --wait", o.name))
	}
	if o.print {
		env.print("%s", url)
		return nil
	}
	if err := openInBrowser(url, env.ErrOut); err != nil {
		return fmt.Errorf("no browser could be opened (%w); print the URL instead with: %s", err, env.advise("open %s --print", o.name))
	}
	env.print("Opened the billing page of %s in your browser; it works for %s.", o.name, duration.HumanDuration(left))
	return nil
}

// refresh requests a fresh URL and waits for it. It returns the session as it is then.
func (o open) refresh(ctx context.Context, env *environment, session *v1alpha1.BillingSession) (*v1alpha1.BillingSession, error) {
	requested, err := requestRenewal(ctx, env, []v1alpha1.BillingSession{*session})
	if err != nil {
		return nil, err
	}
	granted := func(renewed *v1alpha1.BillingSession, _ bool) { session = renewed }
	err = waitForRenewal(ctx, env, selection{names: []string{o.name}}, requested, o.timeout, granted)
	return session, err
}

// lowLife is a remaining life in which a person may not finish on the page.
const lowLife = 2 * time.Minute

// warnOf warns of what is wrong with a URL that works.
func warnOf(env *environment, session *v1alpha1.BillingSession, left time.Duration) {
	if left < lowLife {
		cure := env.advise("open %s --fresh", session.Name)
		if session.Spec.Suspend {
			cure = env.advise("resume %s", session.Name)
		}
		env.warn("this URL works for only %s more; for a fresh one, run: %s", duration.HumanDuration(left), cure)
	}
	if ready := conditionOf(session, v1alpha1.ConditionReady); ready != nil && ready.Status != metav1.ConditionTrue {
		env.warn("this URL works, but the session is not ready (%s); for details, run: %s", ready.Reason, env.advise("explain %s", session.Name))
	}
}

// notAliveError says why no URL works and what to do about it.
func notAliveError(env *environment, session *v1alpha1.BillingSession) error {
	name, expires := session.Name, expiryOf(session)
	missing := fmt.Sprintf("session %q has no URL yet", name)
	if !expires.IsZero() {
		missing = fmt.Sprintf("the URL of session %q expired %s ago", name, duration.HumanDuration(env.now().Sub(expires)))
	}
	switch {
	case session.Spec.Suspend:
		return failf(exitNotReady, "%s, and the session is suspended; resume it with: %s", missing, env.advise("resume %s", name))
	case conditionOf(session, v1alpha1.ConditionStalled) != nil:
		return failf(exitNotReady, "%s. %s To see what to do, run: %s", missing, asSentence(stateOf(session, env.now()).message), env.advise("explain %s", name))
	}
	return failf(exitNotReady, "%s; request one and wait for it with: %s", missing, env.advise("open %s --fresh", name))
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

// isSafeTarget reports whether a browser may open the text, and a terminal may show it.
// Somebody may have edited the Secret, and a launcher of URLs also opens files and starts
// programs: it must be an address of the web, over https or on this machine, and show
// itself and its host as they are. Which hosts are Xtracta's, only the operator knows.
func isSafeTarget(text string) bool {
	scheme, authority, _ := strings.Cut(text, "://")
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	u, err := url.Parse("https://" + authority) // without the rest: browsers accept more in it than Go does
	if err != nil || u.Hostname() == "" || u.User != nil || len(text) > v1alpha1.MaxURLLength || strings.ContainsFunc(text, misleads) {
		return false
	}
	scheme = strings.ToLower(scheme)
	return scheme == "https" || scheme == "http" && isLoopback(u.Hostname())
}

// misleads reports whether a character is invisible, or read as another one by browsers.
func misleads(r rune) bool {
	return r == '\\' || r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsGraphic(r)
}

func isLoopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}
