package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	polling "k8s.io/apimachinery/pkg/util/wait"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// waiter waits until the operator has handled renew requests.
type waiter struct {
	*environment
	pending []*request // in the order in which they were made
	errs    []error
	// granted is called for each session whose request was granted. fresh is false
	// if the session kept its URL, because the endpoint gave none that works longer.
	granted func(session *v1alpha1.BillingSession, fresh bool)
}

// request is a renew request that the operator has not handled yet.
type request struct {
	session  *v1alpha1.BillingSession // as it was when the request was made
	obstacle string                   // what was in the way last, if anything was
	waits    bool                     // whether it was said that it waits
}

// waitForRenewal looks at the sessions each second. It returns when all requests are handled
// or the timeout has passed. Its errors are about the sessions that got no fresh URL.
func waitForRenewal(ctx context.Context, env *environment, chosen selection, requested []*v1alpha1.BillingSession,
	timeout time.Duration, granted func(session *v1alpha1.BillingSession, fresh bool)) error {
	w := &waiter{environment: env, granted: granted}
	for _, session := range requested {
		if r := (&request{session: session}); !w.settles(r, session) {
			w.pending = append(w.pending, r)
		}
	}
	if len(w.pending) == 0 {
		return errors.Join(w.errs...)
	}
	var unread error
	err := polling.PollUntilContextTimeout(ctx, time.Second, timeout, false, func(ctx context.Context) (bool, error) {
		if err := w.look(ctx, chosen); ctx.Err() == nil {
			unread = err
		}
		if apierrors.IsForbidden(unread) { // other errors may pass
			return false, unread
		}
		return len(w.pending) == 0, nil
	})
	if polling.Interrupted(err) {
		w.timeOut(timeout, unread)
		err = nil
	}
	return errors.Join(append(w.errs, err)...)
}

// look looks at the sessions as they are now.
func (w *waiter) look(ctx context.Context, chosen selection) error {
	list, _, err := w.find(ctx, chosen)
	if err != nil {
		return err
	}
	found := map[types.UID]*v1alpha1.BillingSession{}
	for i := range list.Items {
		found[list.Items[i].UID] = &list.Items[i]
	}
	w.pending = slices.DeleteFunc(w.pending, func(r *request) bool {
		session := found[r.session.UID]
		if session == nil {
			w.errs = append(w.errs, failf(exitError, "%s was deleted before its renewal was finished", r.session.Name))
			return true
		}
		return w.settles(r, session)
	})
	return nil
}

// settles reports whether nothing more is to be waited for, and keeps the error about it.
// Otherwise it prints what delays the request.
func (w *waiter) settles(r *request, session *v1alpha1.BillingSession) bool {
	switch {
	case r.handledBy(session):
		if err := w.result(r, session); err != nil {
			w.errs = append(w.errs, err)
		}
	case session.Spec.Suspend:
		w.errs = append(w.errs, failf(exitNotReady, "%s is suspended, so no URL is requested; resume it with: %s",
			session.Name, w.advise("resume %s", session.Name)))
	default:
		w.tellProgress(r, session)
		return false
	}
	return true
}

// handledBy reports whether the operator has handled this request, or a later one that
// somebody else made: its URL is as fresh.
func (r *request) handledBy(session *v1alpha1.BillingSession) bool {
	handled := session.Status.LastHandledRenewRequest
	return handled != "" && (handled == renewToken(r.session) || handled == renewToken(session))
}

// tellProgress tells what delays the request, unless it told the same before.
func (w *waiter) tellProgress(r *request, session *v1alpha1.BillingSession) {
	s := stateOf(session, w.now())
	text := cmp.Or(s.message, "waiting for a fresh URL ...")
	if s.message != "" && s.renews != none {
		text += " (next request: " + s.renews + ")"
	}
	if !r.waits || s.message != r.obstacle {
		w.note("%s: %s", session.Name, text)
	}
	r.obstacle, r.waits = s.message, true
}

// result returns nil if the request was granted and a URL for the current inputs works.
func (w *waiter) result(r *request, session *v1alpha1.BillingSession) error {
	last := session.Status.LastAttempt
	ready, failing := conditionOf(session, v1alpha1.ConditionReady), conditionOf(session, v1alpha1.ConditionRenewalFailing)
	switch {
	case last != nil && last.Outcome == v1alpha1.OutcomeRejected && last.RenewRequest == session.Status.LastHandledRenewRequest:
		return failf(exitError, "%s: the endpoint rejected the request: %s To see what to do, run: %s",
			session.Name, asSentence(last.Message), w.advise("explain %s", session.Name))
	case ready == nil || ready.Status != metav1.ConditionTrue:
		return failf(exitNotReady, "%s is not ready: %s", session.Name, stateOf(session, w.now()).message)
	case failing != nil && failing.Reason == v1alpha1.ReasonSecretWriteFailed:
		return failf(exitError, "%s: the endpoint granted a URL, but it could not be stored: %s", session.Name, failing.Message)
	case failing != nil:
		w.warn("%s: %s", session.Name, failing.Message)
	}
	w.granted(session, !session.Status.IssueTime.Equal(r.session.Status.IssueTime))
	return nil
}

// timeOut adds an error for each request that is still pending, with the reason if one
// is known.
func (w *waiter) timeOut(timeout time.Duration, unread error) {
	for _, r := range w.pending {
		why := cmp.Or(r.obstacle, "is the operator running, and does it serve this namespace?")
		if unread != nil {
			why = unread.Error()
		}
		w.errs = append(w.errs, failf(exitTimeout, "%s: no answer within %s: %s The request stays pending; to see what happens next, run: %s",
			r.session.Name, timeout, asSentence(why), w.advise("explain %s", r.session.Name)))
	}
}
