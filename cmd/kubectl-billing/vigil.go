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

// vigil waits until each of some sessions has answered its renew request.
type vigil struct {
	env     *environment
	cluster *cluster
	asked   []*v1alpha1.BillingSession
	pending map[client.ObjectKey]*petition
	errs    []error
	// answered is called for each session whose request was granted. The URL is the
	// one it had where the endpoint gave none that works longer.
	answered func(session *v1alpha1.BillingSession, fresh bool)
}

// petition is a renew request that has not been answered.
type petition struct {
	token string
	// issued is when the URL was issued that the session had when it was asked.
	issued *metav1.Time
	// told is what the person was last told of it, once told is begun.
	told  string
	begun bool
}

func newVigil(env *environment, c *cluster, asked []*v1alpha1.BillingSession) *vigil {
	v := &vigil{env: env, cluster: c, asked: asked, pending: map[client.ObjectKey]*petition{}, answered: func(*v1alpha1.BillingSession, bool) {}}
	for _, session := range asked {
		v.pending[client.ObjectKeyFromObject(session)] = &petition{
			token:  session.Annotations[v1alpha1.AnnotationRenewRequestedAt],
			issued: session.Status.IssueTime,
		}
	}
	return v
}

// keep waits for all, and returns what became of those that got no fresh URL.
func (v *vigil) keep(ctx context.Context, within scope, timeout time.Duration) error {
	if len(v.asked) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for _, session := range v.asked {
		v.look(session)
	}
	if len(v.pending) == 0 {
		return errors.Join(v.errs...)
	}
	// The first was changed first: all that happened to the others came later.
	err := v.cluster.watch(ctx, within, v.asked[0].ResourceVersion, func(session *v1alpha1.BillingSession, event watch.EventType) (bool, error) {
		if event == watch.Deleted {
			v.end(session, fail(exitError, "%s was deleted while its renewal was under way", session.Name))
		} else {
			v.look(session)
		}
		return len(v.pending) == 0, nil
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(append(v.errs, err)...)
	}
	v.giveUp(timeout)
	return errors.Join(v.errs...)
}

// look sees whether the session has answered, and tells what holds it up.
func (v *vigil) look(session *v1alpha1.BillingSession) {
	p := v.pending[client.ObjectKeyFromObject(session)]
	switch {
	case p == nil:
	case p.answeredBy(session):
		v.end(session, v.verdict(session, p))
	case session.Spec.Suspend:
		v.end(session, fail(exitNotReady, "%s is suspended, so nothing is asked for; let it go on with: %s",
			session.Name, v.cluster.advise("resume %s", session.Name)))
	default:
		p.tell(v.env, session)
	}
}

// answeredBy says whether the request was answered, or a later one of somebody else:
// that brought a URL which is as fresh.
func (p *petition) answeredBy(session *v1alpha1.BillingSession) bool {
	handled := session.Status.LastHandledRenewRequest
	return handled != "" && (handled == p.token || handled == session.Annotations[v1alpha1.AnnotationRenewRequestedAt])
}

// tell says what holds the request up, once for each obstacle.
func (p *petition) tell(env *environment, session *v1alpha1.BillingSession) {
	now := env.clock.Now()
	s := stateOf(session, now)
	switch {
	case p.begun && s.message == p.told:
	case s.message == "":
		env.note("%s: waiting for a fresh URL ...", session.Name)
	default:
		env.note("%s", obstacle(session.Name, s))
	}
	p.told, p.begun = s.message, true
}

func obstacle(name string, s state) string {
	if s.renews == none {
		return name + ": " + s.message
	}
	return fmt.Sprintf("%s: %s (asked again: %s)", name, s.message, s.renews)
}

// verdict is nil when the answer was a grant, and a URL for today's inputs works.
func (v *vigil) verdict(session *v1alpha1.BillingSession, p *petition) error {
	status, last := session.Status, session.Status.LastAttempt
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	failing := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRenewalFailing)
	switch {
	case last != nil && last.Outcome == v1alpha1.OutcomeRejected && last.RenewRequest == status.LastHandledRenewRequest:
		return fail(exitError, "%s: the endpoint rejected the request: %s. Correct the API key or the session's spec; it is asked again when they change",
			session.Name, last.Message)
	case ready == nil || !meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady):
		return fail(exitNotReady, "%s is not ready: %s", session.Name, stateOf(session, v.env.clock.Now()).message)
	case failing != nil && failing.Reason == v1alpha1.ReasonSecretWriteFailed:
		return fail(exitError, "%s: a URL was granted, but could not be stored: %s", session.Name, failing.Message)
	case failing != nil:
		v.env.warn("%s: %s", session.Name, failing.Message)
	}
	v.answered(session, !session.Status.IssueTime.Equal(p.issued))
	return nil
}

func (v *vigil) end(session *v1alpha1.BillingSession, err error) {
	name := client.ObjectKeyFromObject(session)
	if _, ok := v.pending[name]; !ok {
		return
	}
	delete(v.pending, name)
	if err != nil {
		v.errs = append(v.errs, err)
	}
}

// giveUp tells of each that is still pending why, as far as that is known.
func (v *vigil) giveUp(timeout time.Duration) {
	for _, session := range v.asked {
		p, ok := v.pending[client.ObjectKeyFromObject(session)]
		if !ok {
			continue
		}
		why := "is the controller running, and does it serve this namespace?"
		if p.told != "" {
			why = p.told
		}
		v.errs = append(v.errs, fail(exitTimeout, "%s: no answer within %s: %s The request stays pending; see what comes next with: %s",
			session.Name, timeout, asSentence(why), v.cluster.advise("explain %s", session.Name)))
	}
}
