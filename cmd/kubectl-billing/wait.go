package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// waiter waits until the controller has handled the renew request of each session.
type waiter struct {
	env      *environment
	cluster  *cluster
	sessions []*v1alpha1.BillingSession
	pending  map[client.ObjectKey]*pendingRequest
	errs     []error
	// onGranted is called for each session whose request was granted. fresh is false
	// if the session kept its URL, because the endpoint gave none that works longer.
	onGranted func(session *v1alpha1.BillingSession, fresh bool)
}

// pendingRequest is a renew request that the controller has not handled yet.
type pendingRequest struct {
	token string
	// issueTime is the session's issue time before the request.
	issueTime *metav1.Time
	// lastMessage is what was printed last, if printed is true.
	lastMessage string
	printed     bool
}

func newWaiter(env *environment, c *cluster, requested []*v1alpha1.BillingSession) *waiter {
	w := &waiter{
		env: env, cluster: c, sessions: requested, pending: map[client.ObjectKey]*pendingRequest{},
		onGranted: func(*v1alpha1.BillingSession, bool) {},
	}
	for _, session := range requested {
		w.pending[client.ObjectKeyFromObject(session)] = &pendingRequest{
			token:     session.Annotations[v1alpha1.AnnotationRenewRequestedAt],
			issueTime: session.Status.IssueTime,
		}
	}
	return w
}

// wait returns when all requests are handled or the timeout has passed. Its errors
// are about the sessions that got no fresh URL.
func (w *waiter) wait(ctx context.Context, within scope, timeout time.Duration) error {
	if len(w.sessions) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for _, session := range w.sessions {
		w.observe(session)
	}
	if len(w.pending) == 0 {
		return errors.Join(w.errs...)
	}
	// The sessions were patched in order, so a watch that begins at the version of
	// the first one misses no change of the others.
	err := w.cluster.watch(ctx, within, w.sessions[0].ResourceVersion, func(session *v1alpha1.BillingSession, event watch.EventType) (bool, error) {
		if event == watch.Deleted {
			w.finish(session, failf(exitError, "%s was deleted before its renewal was finished", session.Name))
		} else {
			w.observe(session)
		}
		return len(w.pending) == 0, nil
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(append(w.errs, err)...)
	}
	w.timeOut(timeout)
	return errors.Join(w.errs...)
}

// observe finishes a session whose request was handled. Otherwise it prints what
// delays the request.
func (w *waiter) observe(session *v1alpha1.BillingSession) {
	p := w.pending[client.ObjectKeyFromObject(session)]
	switch {
	case p == nil:
	case p.handledBy(session):
		w.finish(session, w.result(session, p))
	case session.Spec.Suspend:
		w.finish(session, failf(exitNotReady, "%s is suspended, so no URL is requested; resume it with: %s",
			session.Name, w.cluster.advise("resume %s", session.Name)))
	default:
		p.printProgress(w.env, session)
	}
}

// handledBy reports whether the controller has handled this request, or a later one
// that somebody else made: its URL is as fresh.
func (p *pendingRequest) handledBy(session *v1alpha1.BillingSession) bool {
	handled := session.Status.LastHandledRenewRequest
	return handled != "" && (handled == p.token || handled == session.Annotations[v1alpha1.AnnotationRenewRequestedAt])
}

// printProgress prints what delays the request, unless it printed the same before.
func (p *pendingRequest) printProgress(env *environment, session *v1alpha1.BillingSession) {
	now := env.clock.Now()
	s := stateOf(session, now, formatDuration)
	switch {
	case p.printed && s.message == p.lastMessage:
	case s.message == "":
		env.note("%s: waiting for a fresh URL ...", session.Name)
	default:
		env.note("%s", delayMessage(session.Name, s))
	}
	p.lastMessage, p.printed = s.message, true
}

func delayMessage(name string, s state) string {
	if s.renews == none {
		return name + ": " + s.message
	}
	return fmt.Sprintf("%s: %s (next request: %s)", name, s.message, s.renews)
}

// result returns nil if the request was granted and a URL for the current inputs works.
func (w *waiter) result(session *v1alpha1.BillingSession, p *pendingRequest) error {
	status, last := session.Status, session.Status.LastAttempt
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	failing := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRenewalFailing)
	switch {
	case last != nil && last.Outcome == v1alpha1.OutcomeRejected && last.RenewRequest == status.LastHandledRenewRequest:
		return failf(exitError, "%s: the endpoint rejected the request: %s. Correct the API key or the session's spec; the controller asks again when they change",
			session.Name, last.Message)
	case ready == nil || !meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady):
		return failf(exitNotReady, "%s is not ready: %s", session.Name, stateOf(session, w.env.clock.Now(), formatDuration).message)
	case failing != nil && failing.Reason == v1alpha1.ReasonSecretWriteFailed:
		return failf(exitError, "%s: the endpoint granted a URL, but it could not be stored: %s", session.Name, failing.Message)
	case failing != nil:
		w.env.warn("%s: %s", session.Name, failing.Message)
	}
	w.onGranted(session, !session.Status.IssueTime.Equal(p.issueTime))
	return nil
}

func (w *waiter) finish(session *v1alpha1.BillingSession, err error) {
	name := client.ObjectKeyFromObject(session)
	if _, ok := w.pending[name]; !ok {
		return
	}
	delete(w.pending, name)
	if err != nil {
		w.errs = append(w.errs, err)
	}
}

// timeOut adds an error for each request that is still pending, with the reason if
// the status gave one.
func (w *waiter) timeOut(timeout time.Duration) {
	for _, session := range w.sessions {
		p, ok := w.pending[client.ObjectKeyFromObject(session)]
		if !ok {
			continue
		}
		why := "is the controller running, and does it serve this namespace?"
		if p.lastMessage != "" {
			why = p.lastMessage
		}
		w.errs = append(w.errs, failf(exitTimeout, "%s: no answer within %s: %s The request stays pending; to see what happens next, run: %s",
			session.Name, timeout, asSentence(why), w.cluster.advise("explain %s", session.Name)))
	}
}
