package main

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers"
	"github.com/xtracta/billing-operator/controllers/status"
)

// page is the billing page of a session.
type page struct {
	session *v1alpha1.BillingSession
	// status is what the controller would report now, or has reported.
	status *v1alpha1.BillingSessionStatus
	// url is empty if none works.
	url string
	// expires is when the URL expires or the last one expired, zero if there was none.
	expires time.Time
	// outdated is true if the URL was issued for inputs that have changed since.
	outdated bool
}

// pageOf returns the page that the controller would keep.
func pageOf(preview *controllers.Preview) page {
	p := page{session: preview.Session, status: &preview.Status, expires: status.ExpiryOf(&preview.Session.Status)}
	if held := preview.Plan.Active; held != nil {
		p.url, p.expires, p.outdated = preview.URL.Reveal(), held.ExpiresAt(), !preview.Plan.UpToDate
	}
	return p
}

// pageInStatus returns the page that the status shows.
func pageInStatus(session *v1alpha1.BillingSession, now time.Time) page {
	p := page{session: session, status: &session.Status, expires: status.ExpiryOf(&session.Status)}
	if now.Before(p.expires) {
		p.url = session.Status.URL
		p.outdated = !meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady)
	}
	return p
}

// notAliveError says why no URL works and what to do about it.
func notAliveError(c *cluster, p page, now time.Time) error {
	name := p.session.Name
	missing := fmt.Sprintf("session %q has no URL yet", name)
	if !p.expires.IsZero() {
		missing = fmt.Sprintf("the URL of session %q expired %s ago", name, formatDuration(now.Sub(p.expires)))
	}
	switch {
	case p.session.Spec.Suspend:
		return failf(exitNotReady, "%s, and the session is suspended; resume it with: %s", missing, c.advise("resume %s", name))
	case meta.IsStatusConditionTrue(p.status.Conditions, v1alpha1.ConditionStalled):
		return failf(exitNotReady, "%s. %s To see what to do, run: %s", missing,
			asSentence(stateOf(&v1alpha1.BillingSession{Status: *p.status}, now, formatDuration).message), c.advise("explain %s", name))
	}
	return failf(exitNotReady, "%s; request one and wait for it with: %s", missing, c.advise("open %s --fresh", name))
}
