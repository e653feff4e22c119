package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// explain prints in sentences what a session's status says. It reads nothing else, so it
// never differs from what the controller does, and everybody sees the same.
type explain struct{ name string }

func (e explain) run(ctx context.Context, env *environment) error {
	c, err := env.connect()
	if err != nil {
		return err
	}
	session, err := c.session(ctx, e.name)
	switch {
	case err != nil:
		return err
	case session.DeletionTimestamp != nil:
		return failf(exitNotReady, "session %q is being deleted; the controller does nothing for it any more", e.name)
	}
	_, err = fmt.Fprint(env.Out, explanation{session, env.clock.Now(), c})
	return err
}

// explanation is what a session's status says at a time.
type explanation struct {
	*v1alpha1.BillingSession
	now     time.Time
	cluster *cluster // names the commands to run
}

func (e explanation) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "Session %s in namespace %s\n\n", e.Name, e.Namespace)
	lines := printers.GetNewTabWriter(&text)
	for _, line := range [][2]string{
		{"URL:", e.life()}, {"Problem:", e.problem()}, {"Last:", e.last()}, {"Next:", e.next()}, {"You:", e.toDo()},
	} {
		if line[1] != "" {
			_, _ = fmt.Fprintf(lines, "%s\t%s\n", line[0], escapeLine(line[1]))
		}
	}
	_ = lines.Flush() // cannot fail: it writes to memory
	return text.String()
}

// life says whether a URL works, and until when.
func (e explanation) life() string {
	expires := expiryOf(e.BillingSession)
	switch {
	case expires.IsZero():
		return "There is none yet."
	case hasExpired(e.BillingSession, e.now):
		return fmt.Sprintf("It expired %s.", e.ago(expires))
	}
	text := fmt.Sprintf("It works for %s more, until %s.", duration.HumanDuration(expires.Sub(e.now)), formatTime(expires))
	if e.isForOtherInputs() {
		text += " It was issued for an earlier API key, purge mode, expiry or endpoint."
	}
	return text
}

// isForOtherInputs is about a URL that works: the session would be ready otherwise, unless
// the Secret stands in the way.
func (e explanation) isForOtherInputs() bool {
	ready := conditionOf(e.BillingSession, v1alpha1.ConditionReady)
	if ready == nil || ready.Status == metav1.ConditionTrue {
		return false
	}
	switch ready.Reason {
	case v1alpha1.ReasonSecretConflict, v1alpha1.ReasonSecretWriteFailed, v1alpha1.ReasonAwaitingCollection:
		return false
	}
	return true
}

// problem says what stands in the way, and since when.
func (e explanation) problem() string {
	ready, failing := conditionOf(e.BillingSession, v1alpha1.ConditionReady), conditionOf(e.BillingSession, v1alpha1.ConditionRenewalFailing)
	switch {
	case ready == nil:
		return fmt.Sprintf("The controller has not looked at the session yet, which was created %s.", e.ago(e.CreationTimestamp.Time))
	case !e.isObserved():
		return "The controller has not looked at the last change of the session yet. The other lines tell what was before it."
	case ready.Status != metav1.ConditionTrue:
		return e.since("Not ready", ready)
	case hasExpired(e.BillingSession, e.now):
		return "The URL has expired, and the status does not say so: the operator may not be running."
	case failing != nil:
		return e.since("Ready, but renewal has been failing", failing)
	case e.Spec.Suspend:
		return "Ready, but the session is suspended, so the URL is not renewed."
	}
	return ""
}

func (e explanation) since(what string, c *metav1.Condition) string {
	since := c.LastTransitionTime.Time
	return fmt.Sprintf("%s for %s, since %s. %s: %s", what, duration.HumanDuration(e.now.Sub(since)), formatTime(since), c.Reason, asSentence(c.Message))
}

// last says what was tried last, and what came of it.
func (e explanation) last() string {
	last, issued := e.Status.LastAttempt, e.Status.IssueTime
	switch {
	case last != nil && last.Outcome == v1alpha1.OutcomeGranted:
		return fmt.Sprintf("The endpoint was asked %s. It gave the same URL again, or none that works for longer.", e.ago(last.Time.Time))
	case last != nil && last.Failures > 1:
		return fmt.Sprintf("The last %d requests to the endpoint failed (%s), the latest %s%s.", last.Failures, last.Outcome, e.ago(last.Time.Time), e.answer())
	case last != nil:
		return fmt.Sprintf("The last request to the endpoint failed (%s), %s%s.", last.Outcome, e.ago(last.Time.Time), e.answer())
	case issued != nil:
		return fmt.Sprintf("The endpoint gave this URL %s.", e.ago(issued.Time))
	}
	return "No request is recorded yet."
}

// answer is what the endpoint answered last, unless that is the problem.
func (e explanation) answer() string {
	message := e.Status.LastAttempt.Message
	if message == "" || strings.Contains(strings.ToLower(e.problem()), strings.ToLower(message)) {
		return ""
	}
	return ": " + message
}

// next says what the controller does next, and when.
func (e explanation) next() string {
	at, cause := nextRequest(e.BillingSession), causeOf(e.BillingSession)
	switch {
	case !e.isObserved():
		return "The controller looks at the session as soon as it can."
	case e.Spec.Suspend:
		return "The controller asks for nothing while the session is suspended."
	case advices[cause].next != "":
		return e.fill(advices[cause].next)
	case isRequested(e.BillingSession) && e.Status.LastAttempt == nil:
		return "Somebody requested a fresh URL. The controller asks the endpoint for it as soon as it is the session's turn."
	case isRequested(e.BillingSession) && at != nil && e.now.Before(at.Time):
		return "Somebody requested a fresh URL. " + e.asksAt(at.Time)
	case at != nil && e.now.Before(at.Time):
		return e.asksAt(at.Time)
	case cause == v1alpha1.ReasonThrottled:
		return "The controller asks the endpoint for a URL when the pause that the endpoint asked for is over, within an hour."
	}
	return "The controller asks the endpoint for a URL as soon as it is the session's turn."
}

func (e explanation) asksAt(at time.Time) string {
	return fmt.Sprintf("The controller asks the endpoint for a URL in %s, at %s.", duration.HumanDuration(at.Sub(e.now)), formatTime(at))
}

// lateAfter is how late a healthy controller may be.
const lateAfter = time.Minute

// toDo says what the user has to do.
func (e explanation) toDo() string {
	at, cause := nextRequest(e.BillingSession), causeOf(e.BillingSession)
	switch {
	case conditionOf(e.BillingSession, v1alpha1.ConditionReady) == nil && e.now.Sub(e.CreationTimestamp.Time) > lateAfter:
		return "Check " + checkOperator
	case !e.isObserved():
		return "If this is still so in a minute, check " + checkOperator
	case e.Spec.Suspend && cause == v1alpha1.ReasonSecretConflict: // which resuming does not mend
		return e.fill(advices[cause].toDo + " " + advices[v1alpha1.ReasonSuspended].toDo)
	case e.Spec.Suspend:
		return e.fill(advices[v1alpha1.ReasonSuspended].toDo)
	case cause == "" && hasExpired(e.BillingSession, e.now):
		return "Check " + checkOperator
	case advices[cause].next == "" && at != nil && e.now.Sub(at.Time) > lateAfter:
		return fmt.Sprintf("The request was due %s. Unless many sessions wait for their turn, check %s", e.ago(at.Time), checkOperator)
	case conditionOf(e.BillingSession, v1alpha1.ConditionRenewalFailing) != nil:
		return "The URL can be used until it expires. " + e.fill(advices[cause].toDo)
	}
	return e.fill(advices[cause].toDo)
}

// isObserved reports whether the status is about the session as it is now.
func (e explanation) isObserved() bool {
	return conditionOf(e.BillingSession, v1alpha1.ConditionReady) != nil && e.Status.ObservedGeneration == e.Generation
}

func (e explanation) ago(at time.Time) string {
	return fmt.Sprintf("%s ago, at %s", duration.HumanDuration(e.now.Sub(at)), formatTime(at))
}
