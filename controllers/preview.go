package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/apikey"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/controllers/status"
)

// Preview is the controller's next decision about a session, not acted on.
type Preview struct {
	// Session is the session as it was read.
	Session *v1alpha1.BillingSession
	// Facts are what the decision depends on.
	Facts renewal.Facts
	// Plan is the decision.
	Plan renewal.Plan
	// Status is what the controller would report.
	Status v1alpha1.BillingSessionStatus
	// SecretName is the name of the generated Secret.
	SecretName string
	// URL is the URL that is alive; zero when Plan.Active is nil.
	URL endpoint.URL
	// Unread says why the API key could not be read, nil if it was or need not be. The
	// decision then takes the key for the one that was used last.
	Unread error
}

// NewPreview decides about a session as the controller would, and changes nothing. It reads
// the session, its neighbours and the two Secrets that it names, and returns errors of those
// reads wrapped. The preview is nil when the session is gone or being deleted: then there
// is nothing to decide.
//
// It leaves out what only the controller's process knows: a grant that is not written yet, a
// request of the last ten seconds, the session's turn among others.
func NewPreview(ctx context.Context, live client.Reader, name types.NamespacedName, c clock.PassiveClock) (*Preview, error) {
	r := &reader{
		cached: live, generated: live, live: live, clock: c,
		keys:        apikey.NewCache(live, c),
		checkURL:    endpoint.URLPolicy{}.Check, // the controller's own is not known here
		claimants:   claimantsByList(live),
		pausedUntil: func(endpoint.Key) time.Time { return time.Time{} },
	}
	seen, err := r.observe(ctx, name, newLocalStates())
	if err != nil || seen == nil {
		return nil, err
	}
	ref, unread := apikey.RefOf(seen.session), error(nil)
	if seen.key.State == renewal.KeyUnread {
		key, err := r.keys.Load(ctx, ref, seen.key.Version)
		if err != nil {
			return nil, err
		}
		if key.State == renewal.KeyForbidden {
			// Whoever previews may not read it. That says nothing of the controller.
			unread = apierrors.NewForbidden(corev1.Resource("secrets"), ref.Secret.Name, errNotAllowed)
			key = apikey.Status{State: renewal.KeyRead, Version: lastKeyVersion(seen.session, seen.key.Version)}
		}
		*seen = r.withKey(*seen, key)
	}
	now := c.Now()
	if seen.pausedUntil, err = pauseFromSiblings(ctx, live, seen); err != nil {
		return nil, err
	}
	facts := seen.factsAt(now, lastEndpoint(&seen.session.Status))
	plan := renewal.Decide(facts)
	p := &Preview{
		Session: seen.session, Facts: facts, Plan: plan,
		Status: status.Of(seen.statusInput(facts, plan)), SecretName: secret.NameFor(seen.session), Unread: unread,
	}
	if plan.Active != nil {
		p.URL = seen.lastGrant().URL
	}
	return p, nil
}

// lastKeyVersion is the version of the key that was used last, as the status tells; otherwise
// the one that is there now.
func lastKeyVersion(session *v1alpha1.BillingSession, now apikey.Version) apikey.Version {
	s := &session.Status
	switch {
	case s.IssuedFor != nil:
		return apikey.Version{UID: s.IssuedFor.KeySecretUID, ResourceVersion: s.IssuedFor.KeySecretResourceVersion}
	case s.LastAttempt != nil:
		return apikey.Version{UID: s.LastAttempt.Inputs.KeySecretUID, ResourceVersion: s.LastAttempt.Inputs.KeySecretResourceVersion}
	}
	return now
}

var errNotAllowed = errors.New("the user lacks the permission to get Secrets")

// pauseFromSiblings is when the pause of the session's key ends, according to the statuses
// of the sessions with the same key. It looks only if the session's own status says that
// the key is throttled.
func pauseFromSiblings(ctx context.Context, live client.Reader, seen *observation) (until time.Time, err error) {
	isThrottled := func(c metav1.Condition) bool { return c.Reason == v1alpha1.ReasonThrottled }
	if !slices.ContainsFunc(seen.session.Status.Conditions, isThrottled) {
		return time.Time{}, nil
	}
	var siblings v1alpha1.BillingSessionList
	if err := live.List(ctx, &siblings, client.InNamespace(seen.session.Namespace)); err != nil {
		return time.Time{}, fmt.Errorf("look for sessions with the same key: %w", err)
	}
	for i := range siblings.Items {
		last := siblings.Items[i].Status.LastAttempt
		if last == nil || last.Outcome != v1alpha1.OutcomeThrottled || last.NextTime == nil ||
			last.Inputs.KeySecretUID != seen.key.Version.UID || last.Inputs.KeySecretKey != apikey.RefOf(seen.session).Entry {
			continue
		}
		if last.NextTime.After(until) {
			until = last.NextTime.Time
		}
	}
	return until, nil
}

// claimantsByList finds the sessions that claim a Secret as claimantsByIndex does, without
// an index.
func claimantsByList(live client.Reader) func(context.Context, types.NamespacedName) ([]v1alpha1.BillingSession, error) {
	return func(ctx context.Context, name types.NamespacedName) ([]v1alpha1.BillingSession, error) {
		var sessions v1alpha1.BillingSessionList
		if err := live.List(ctx, &sessions, client.InNamespace(name.Namespace)); err != nil {
			return nil, err
		}
		return slices.DeleteFunc(sessions.Items, func(s v1alpha1.BillingSession) bool { return secret.NameFor(&s) != name.Name }), nil
	}
}

// lastEndpoint is the endpoint that the status says was asked last. It is the controller's
// unless --endpoint-url has changed since.
func lastEndpoint(s *v1alpha1.BillingSessionStatus) string {
	switch {
	case s.LastAttempt != nil:
		return s.LastAttempt.Inputs.Endpoint
	case s.IssuedFor != nil:
		return s.IssuedFor.Endpoint
	}
	return ""
}
