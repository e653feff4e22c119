package controllers

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// verdict is what the conditions say. An empty reason drops its condition.
type verdict struct {
	ready           bool
	reason, message string
	// working: the controller goes on by itself. stalled: a person must act.
	working, stalled bool
	// failing is why the renewal of a URL that is alive fails.
	failing, failingMessage string
}

// statusOf is the status that the observation and the plan amount to.
func statusOf(seen *observation, facts renewal.Facts, plan renewal.Plan) v1alpha1.BillingSessionStatus {
	next := *seen.session.Status.DeepCopy()
	next.ObservedGeneration = seen.session.Generation
	next.LastHandledRenewRequest = facts.HandledRequest
	next.LastAttempt = facts.Last
	next.SecretName = ""
	if seen.secret != nil {
		next.SecretName = seen.secret.Name
	}
	describeGrant(&next, seen, plan)
	setConditions(&next, judge(seen, facts, plan), facts.Now)
	return next
}

// describeGrant shows the grant that is alive; of one that has expired only the
// times and what it was issued for.
func describeGrant(next *v1alpha1.BillingSessionStatus, seen *observation, plan renewal.Plan) {
	next.URL, next.RenewalTime = "", nil
	g := seen.lastGrant()
	if g == nil {
		return
	}
	next.IssueTime = timeOf(g.Issued)
	next.ExpirationTime = timeOf(g.Expire)
	next.IssuedFor = &v1alpha1.IssuedFor{Inputs: g.Inputs, ClockOffsetSeconds: int64(g.Offset / time.Second)}
	if plan.Held == nil {
		return
	}
	if seen.session.Spec.URLInStatus != v1alpha1.URLInStatusHidden {
		next.URL = g.url.Reveal()
	}
	if !seen.session.Spec.Suspend && plan.Current {
		next.RenewalTime = timeOf(nextRequest(next.LastAttempt, plan))
	}
}

// nextRequest is when the URL that is alive is to be replaced: when it is due or,
// after that failed, when it is tried again.
func nextRequest(last *v1alpha1.Attempt, plan renewal.Plan) time.Time {
	if last != nil && last.NextTime != nil && last.NextTime.After(plan.Due) {
		return last.NextTime.Time
	}
	return plan.Due
}

// lastGrant is the grant that the Secret holds or, while that is gone or edited, the status.
func (seen *observation) lastGrant() *grant {
	if seen.stored != nil {
		return seen.stored
	}
	return seen.shown
}

func timeOf(t time.Time) *metav1.Time {
	at := metav1.NewTime(t.Truncate(time.Second))
	return &at
}

// judge finds the row that describes the session.
func judge(seen *observation, facts renewal.Facts, plan renewal.Plan) verdict {
	if plan.Blocked == "" && seen.memory.writeFailing() {
		plan.Blocked = v1alpha1.ReasonSecretWriteFailed
	}
	obstacle := explain(seen, facts, plan.Blocked)
	stored := facts.Stored.Alive(facts.Now)
	switch {
	case plan.Blocked == v1alpha1.ReasonSecretConflict:
		return verdict{reason: plan.Blocked, message: obstacle, stalled: true}
	case plan.Blocked == v1alpha1.ReasonAwaitingCollection:
		return verdict{reason: plan.Blocked, message: obstacle, working: true}
	case facts.Write.Refused && plan.Blocked == v1alpha1.ReasonSecretWriteFailed && !stored:
		return verdict{reason: plan.Blocked, message: obstacle, stalled: true}
	case plan.Held != nil && plan.Current:
		return alive(facts, plan, obstacle)
	case facts.Suspended:
		return verdict{reason: v1alpha1.ReasonSuspended, message: explain(seen, facts, v1alpha1.ReasonSuspended), stalled: true}
	case personMustAct(facts, plan.Blocked):
		return verdict{reason: plan.Blocked, message: obstacle, stalled: true}
	case plan.Held != nil:
		return verdict{reason: v1alpha1.ReasonInputsChanged, working: true, message: sentences(
			fmt.Sprintf("The URL that is alive was issued for another %s; a new one is being asked for", changedInputs(plan.Held.Inputs, facts.Inputs)), obstacle)}
	case facts.Issued:
		return verdict{reason: v1alpha1.ReasonExpired, working: true, message: sentences(
			"The URL has expired; a new one is being asked for", obstacle)}
	case plan.Blocked != "":
		return verdict{reason: plan.Blocked, message: obstacle, working: true}
	}
	return verdict{reason: v1alpha1.ReasonUnavailable, working: true, message: "No URL could be issued yet"}
}

// changedInputs names the inputs that changed. The key's version also changes when only
// labels of its Secret do, so the key is named only when nothing else can be it.
func changedInputs(before, after v1alpha1.Inputs) string {
	var changed []string
	if before.Purge != after.Purge {
		changed = append(changed, "purge mode")
	}
	if before.ExpirationSeconds != after.ExpirationSeconds {
		changed = append(changed, "expiry")
	}
	if before.Endpoint != after.Endpoint {
		changed = append(changed, "endpoint")
	}
	if len(changed) == 0 {
		return "API key"
	}
	return strings.Join(changed, " and another ")
}

// alive is the verdict while a URL for today's inputs works.
func alive(facts renewal.Facts, plan renewal.Plan, obstacle string) verdict {
	v := verdict{
		ready: true, reason: v1alpha1.ReasonIssued,
		message: fmt.Sprintf("The URL is alive until %s", stamp(plan.Held.Expire)),
	}
	if !facts.Suspended {
		v.failing, v.failingMessage = plan.Blocked, obstacle
	}
	return v
}

// personMustAct says whether nothing will change until a person acts.
func personMustAct(facts renewal.Facts, reason string) bool {
	switch reason {
	case v1alpha1.ReasonRejected, v1alpha1.ReasonKeySecretMissing, v1alpha1.ReasonKeyInvalid:
		return true
	case v1alpha1.ReasonSecretWriteFailed:
		return facts.Write.Refused
	}
	return false
}

// explain says in sentences what a reason is about, and the cure where there is one.
func explain(seen *observation, facts renewal.Facts, reason string) string {
	switch reason {
	case v1alpha1.ReasonSecretConflict:
		return upperFirst(seen.secretProblem)
	case v1alpha1.ReasonAwaitingCollection:
		return fmt.Sprintf("Secret %q belongs to a deleted session of the same name; waiting for garbage collection to remove it",
			secretName(seen.session))
	case v1alpha1.ReasonSecretWriteFailed:
		return sentences(fmt.Sprintf("Secret %q could not be written", secretName(seen.session)), seen.memory.writeProblem)
	case v1alpha1.ReasonKeySecretMissing, v1alpha1.ReasonKeyInvalid:
		return upperFirst(seen.key.problem)
	case v1alpha1.ReasonSuspended:
		return "The session is suspended and no URL for its inputs is alive; set spec.suspend to false to go on"
	case "":
		return ""
	}
	if facts.Last == nil || facts.Last.Message == "" || reason == v1alpha1.ReasonThrottled && facts.Last.Outcome != v1alpha1.OutcomeThrottled {
		return "The endpoint asked everyone with this API key to wait"
	}
	return upperFirst(facts.Last.Message)
}

// setConditions replaces all conditions: those that are abnormal when true are
// there only while they are true.
func setConditions(status *v1alpha1.BillingSessionStatus, v verdict, now time.Time) {
	set := func(kind string, holds bool, value metav1.ConditionStatus, reason, message string) {
		if !holds {
			meta.RemoveStatusCondition(&status.Conditions, kind)
			return
		}
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: kind, Status: value, Reason: reason, Message: message,
			ObservedGeneration: status.ObservedGeneration,
			LastTransitionTime: metav1.NewTime(now.Truncate(time.Second)),
		})
	}
	ready := metav1.ConditionFalse
	if v.ready {
		ready = metav1.ConditionTrue
	}
	set(v1alpha1.ConditionReady, true, ready, v.reason, v.message)
	set(v1alpha1.ConditionReconciling, v.working, metav1.ConditionTrue, v.reason, v.message)
	set(v1alpha1.ConditionStalled, v.stalled, metav1.ConditionTrue, v.reason, v.message)
	set(v1alpha1.ConditionRenewalFailing, v.failing != "", metav1.ConditionTrue, v.failing, v.failingMessage)
}

func sentences(parts ...string) string {
	var said []string
	for _, part := range parts {
		if part != "" {
			said = append(said, upperFirst(part))
		}
	}
	return strings.Join(said, ". ")
}

func upperFirst(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// stamp is an instant as people and tools read it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
