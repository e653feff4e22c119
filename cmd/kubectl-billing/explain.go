package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func explainCommand(parsed *invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "explain NAME",
		Short: "Explain how a session stands, what comes next and what to do",
		Long: `Explains in sentences what the status of a session says: whether a URL works and until
when, what stands in the way and since when, what was tried last, what the operator
does next and when, and what you have to do. It reads nothing but the session, so it
shows the same to everybody who may read that. It changes nothing.

What happened in the last hour is told by: kubectl events --for billingsession/NAME`,
		Example: `  kubectl billing explain acme -n finance`,
		RunE: func(c *cobra.Command, args []string) error {
			name, err := oneName(c, args)
			parsed.operation = explain{name}
			return err
		},
		ValidArgsFunction: completeOne(parsed),
	}
}

// explain prints in sentences what a session's status says. It reads nothing else, so it
// never differs from what the operator does, and everybody sees the same.
type explain struct{ name string }

func (e explain) run(ctx context.Context, env *environment) error {
	session, err := env.session(ctx, e.name)
	switch {
	case err != nil:
		return err
	case session.DeletionTimestamp != nil:
		return failf(exitNotReady, "session %q is being deleted; the operator does nothing for it any more", e.name)
	}
	_, err = fmt.Fprint(env.Out, explanationOf(session, env.now()))
	return err
}

// explanation is what a session's status says at a time.
type explanation struct {
	*v1alpha1.BillingSession
	now time.Time

	ready, failing *metav1.Condition
	cause          string       // see causeOf
	next           *metav1.Time // see nextRequest
}

func explanationOf(session *v1alpha1.BillingSession, now time.Time) explanation {
	return explanation{session, now, conditionOf(session, v1alpha1.ConditionReady), conditionOf(session, v1alpha1.ConditionRenewalFailing),
		causeOf(session), nextRequest(session)}
}

func (e explanation) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "Session %s in namespace %s\n\n", e.Name, e.Namespace)
	lines := printers.GetNewTabWriter(&text)
	for _, line := range [][2]string{
		{"URL:", e.life()}, {"Problem:", e.problem()}, {"Last:", e.lastStep()}, {"Next:", e.nextStep()}, {"You:", e.toDo()},
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
	case e.hasExpired():
		return fmt.Sprintf("It expired %s.", e.ago(expires))
	}
	text := fmt.Sprintf("It works for %s more, until %s.", duration.HumanDuration(expires.Sub(e.now)), formatTime(expires))
	if e.ready == nil || e.ready.Status == metav1.ConditionTrue {
		return text
	}
	switch e.ready.Reason {
	case v1alpha1.ReasonSecretConflict, v1alpha1.ReasonSecretWriteFailed, v1alpha1.ReasonAwaitingCollection:
		return text // the session is not ready because of its Secret
	}
	return text + " It was issued for an earlier API key, purge mode, expiry or endpoint, and can still be used."
}

// problem says what stands in the way, and since when.
func (e explanation) problem() string {
	switch {
	case e.ready == nil:
		return fmt.Sprintf("The operator has not looked at the session yet, which was created %s.", e.ago(e.CreationTimestamp.Time))
	case !e.isObserved():
		return "The operator has not looked at the last change of the session yet. The other lines tell what was before it."
	case e.ready.Status != metav1.ConditionTrue:
		return e.since("Not ready", e.ready)
	case e.hasExpired():
		return "The URL has expired, and the status does not say so: the operator may not be running."
	case e.failing != nil:
		return e.since("Ready, but renewal has been failing", e.failing)
	case e.Spec.Suspend:
		return "Ready, but the session is suspended, so the URL is not renewed."
	}
	// The first sentence only says until when the URL is alive.
	_, more, _ := strings.Cut(e.ready.Message, ". ")
	return asSentence(more)
}

func (e explanation) since(what string, c *metav1.Condition) string {
	since := c.LastTransitionTime.Time
	return fmt.Sprintf("%s for %s, since %s. %s: %s", what, duration.HumanDuration(e.now.Sub(since)), formatTime(since), c.Reason, asSentence(c.Message))
}

// lastStep says what was tried last, and what came of it.
func (e explanation) lastStep() string {
	last, issued := e.Status.LastAttempt, e.Status.IssueTime
	switch {
	case e.cause == v1alpha1.ReasonSecretWriteFailed:
		return e.fill("The operator tried to write Secret {secret}, and could not.")
	case last != nil && last.Outcome == v1alpha1.OutcomeGranted:
		return fmt.Sprintf("The endpoint was asked %s. It gave the same URL again, or none that works for longer.", e.ago(last.Time.Time))
	case last != nil && last.Failures > 1:
		return fmt.Sprintf("The last %d requests to the endpoint failed (%s), the latest %s%s.", last.Failures, last.Outcome, e.ago(last.Time.Time), e.answer())
	case last != nil:
		return fmt.Sprintf("The last request to the endpoint failed (%s), %s%s.", last.Outcome, e.ago(last.Time.Time), e.answer())
	case e.cause == v1alpha1.ReasonThrottled:
		return "Another session with the same API key was told to wait."
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

// nextStep says what the operator does next, and when.
func (e explanation) nextStep() string {
	requested, waits := "", e.next != nil && e.now.Before(e.next.Time)
	if isRequested(e.BillingSession) {
		requested = "Somebody requested a fresh URL. "
	}
	switch {
	case !e.isObserved():
		return "The operator looks at the session as soon as it can."
	case e.Spec.Suspend:
		return "The operator asks for nothing while the session is suspended."
	case e.isForgotten():
		return "The operator asks the endpoint for a URL as soon as it runs."
	case advices[e.cause].next != "":
		return e.fill(advices[e.cause].next)
	case waits && (requested == "" || e.Status.LastAttempt != nil): // nobody waits for the renewal who requested a URL
		return fmt.Sprintf("%sThe operator asks the endpoint for a URL in %s, at %s.", requested, duration.HumanDuration(e.next.Sub(e.now)), formatTime(e.next.Time))
	case e.cause == v1alpha1.ReasonThrottled:
		return requested + "The operator asks the endpoint for a URL when the pause that the endpoint asked for is over, within an hour."
	}
	return requested + "The operator asks the endpoint for a URL as soon as it is the session's turn."
}

// lateAfter is how late a healthy operator may be.
const lateAfter = time.Minute

// toDo says what the user has to do.
func (e explanation) toDo() string {
	switch {
	case e.isForgotten() && e.cause != "":
		return "Check " + checkOperator + " Once it runs, the last failure may come back. " + e.advice()
	case e.ready == nil && e.now.Sub(e.CreationTimestamp.Time) > lateAfter, e.isForgotten():
		return "Check " + checkOperator
	case !e.isObserved():
		return "If this is still so in a minute, check " + checkOperator
	case e.Spec.Suspend && e.cause == v1alpha1.ReasonSecretConflict: // which resuming does not mend
		return e.advice() + " " + e.fill(advices[v1alpha1.ReasonSuspended].toDo)
	case e.Spec.Suspend:
		return e.fill(advices[v1alpha1.ReasonSuspended].toDo)
	case advices[e.cause].next == "" && e.next != nil && e.now.Sub(e.next.Time) > lateAfter:
		return fmt.Sprintf("The request was due %s. Unless many sessions wait for their turn, check %s", e.ago(e.next.Time), checkOperator)
	case e.failing != nil:
		return "The URL can be used until it expires. " + e.advice()
	case e.cause == "" && e.problem() != "": // which can only be a finalizer
		return "The URL works, and is renewed in the Secret that the finalizer holds, so pods can go on mounting it. Find out who deleted the Secret " +
			"and what the finalizer belongs to, which has to remove it."
	case e.hasExpired():
		return "No URL works now. " + e.advice()
	}
	return e.advice()
}

// isObserved reports whether the status is about the session as it is now.
func (e explanation) isObserved() bool {
	return e.ready != nil && e.Status.ObservedGeneration == e.Generation
}

func (e explanation) hasExpired() bool { return hasExpired(e.BillingSession, e.now) }

// isForgotten reports whether the URL has expired and the status does not say so.
func (e explanation) isForgotten() bool {
	return e.isObserved() && e.ready.Status == metav1.ConditionTrue && e.hasExpired() && !e.Spec.Suspend
}

func (e explanation) ago(at time.Time) string {
	return fmt.Sprintf("%s ago, at %s", duration.HumanDuration(e.now.Sub(at)), formatTime(at))
}
