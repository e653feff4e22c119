package status_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/renewal/renewaltest"
	"github.com/xtracta/billing-operator/controllers/status"
	"github.com/xtracta/billing-operator/test/invariants"
)

var now = time.Unix(978307200+rand.Int64N(1e9), 0).UTC()

// grant was issued a minute ago for ten, or an hour ago.
func grant(ago time.Duration) *renewal.Grant {
	return &renewal.Grant{Issued: now.Add(-ago), Expire: now.Add(10*time.Minute - ago)}
}

func failed(o v1alpha1.Outcome) *v1alpha1.Attempt {
	next := metav1.NewTime(now.Add(time.Minute))
	return &v1alpha1.Attempt{Time: metav1.NewTime(now.Add(-time.Minute)), Outcome: o, Message: "the endpoint answered so", NextTime: &next}
}

// inputOf is what the controller knows when it reports of facts.
func inputOf(f renewal.Facts) status.Input {
	session := &v1alpha1.BillingSession{ObjectMeta: metav1.ObjectMeta{Generation: 3}}
	session.Spec.Suspend = f.Suspended
	in := status.Input{Session: session, Facts: f, Plan: renewal.Decide(f), SecretName: "acme", Problems: status.Problems{
		Secret: "A Secret is in the way", Write: "The Secret could not be written", Key: status.KeyProblem{Secret: "key", Entry: "api-key"},
	}}
	if in.Grant = f.InSecret; in.Grant == nil {
		in.Grant = f.InStatus
	}
	return in
}

// statusOf is what the controller reports of facts.
func statusOf(f renewal.Facts) (*v1alpha1.BillingSession, renewal.Plan) {
	in := inputOf(f)
	in.Session.Status = status.Of(in)
	return in.Session, in.Plan
}

// TestSituations has a row for each row of the condition table, and for what tells rows apart.
func TestSituations(t *testing.T) {
	t.Parallel()
	alive, dead := grant(time.Minute), grant(time.Hour)
	older := grant(time.Minute)
	older.Inputs.Purge = v1alpha1.PurgeDelete
	refused := renewal.WriteState{Failed: true, Refused: true, RetryAt: now.Add(time.Minute)}
	for _, row := range []struct {
		why    string
		facts  renewal.Facts
		ready  metav1.ConditionStatus
		reason string
		// also is the further condition, and alsoReason its reason where that is another.
		also, alsoReason string
	}{
		{why: "a Secret that is not ours", facts: renewal.Facts{Secret: renewal.SecretForeign},
			ready: "False", reason: v1alpha1.ReasonSecretConflict, also: v1alpha1.ConditionStalled},
		{why: "garbage collection comes by itself", facts: renewal.Facts{Secret: renewal.SecretOfPredecessor},
			ready: "False", reason: v1alpha1.ReasonAwaitingCollection, also: v1alpha1.ConditionReconciling},
		{why: "writing is forbidden and no pod has a URL", facts: renewal.Facts{Key: renewal.KeyRead, Unsaved: alive, Write: refused},
			ready: "False", reason: v1alpha1.ReasonSecretWriteFailed, also: v1alpha1.ConditionStalled},
		{why: "writing is forbidden, but the Secret holds a live URL", facts: renewal.Facts{Key: renewal.KeyRead, InSecret: alive, Secret: renewal.SecretOurs, Write: refused},
			ready: "True", reason: v1alpha1.ReasonIssued, also: v1alpha1.ConditionRenewalFailing, alsoReason: v1alpha1.ReasonSecretWriteFailed},
		{why: "all is well", facts: renewal.Facts{Key: renewal.KeyRead, InSecret: alive, Secret: renewal.SecretOurs},
			ready: "True", reason: v1alpha1.ReasonIssued},
		{why: "it works, and will not for long", facts: renewal.Facts{Key: renewal.KeyRead, InSecret: alive, Secret: renewal.SecretOurs, Last: failed(v1alpha1.OutcomeRejected)},
			ready: "True", reason: v1alpha1.ReasonIssued, also: v1alpha1.ConditionRenewalFailing, alsoReason: v1alpha1.ReasonRejected},
		{why: "a renewal that waits for its turn has not failed", facts: renewal.Facts{
			Key: renewal.KeyRead, InSecret: grant(9 * time.Minute), Secret: renewal.SecretOurs, QueuedSince: now.Add(-time.Minute), Observed: true},
			ready: "True", reason: v1alpha1.ReasonIssued},
		{why: "suspended, and it works", facts: renewal.Facts{Key: renewal.KeyRead, InSecret: alive, Secret: renewal.SecretOurs, Suspended: true, Last: failed(v1alpha1.OutcomeRejected)},
			ready: "True", reason: v1alpha1.ReasonIssued},
		{why: "suspended is a wish, not a failure", facts: renewal.Facts{Key: renewal.KeyRead, Suspended: true},
			ready: "False", reason: v1alpha1.ReasonSuspended},
		{why: "a key that may come with the same sync", facts: renewal.Facts{Key: renewal.KeyMissing, Created: now.Add(-time.Minute)},
			ready: "False", reason: v1alpha1.ReasonKeySecretMissing, also: v1alpha1.ConditionReconciling},
		{why: "a key that does not come", facts: renewal.Facts{Key: renewal.KeyMissing, Created: now.Add(-time.Hour)},
			ready: "False", reason: v1alpha1.ReasonKeySecretMissing, also: v1alpha1.ConditionStalled},
		{why: "a key that may not be read", facts: renewal.Facts{Key: renewal.KeyForbidden, Created: now},
			ready: "False", reason: v1alpha1.ReasonKeySecretForbidden, also: v1alpha1.ConditionStalled},
		{why: "a key that is missing while a URL is alive", facts: renewal.Facts{Key: renewal.KeyMissing, InSecret: alive, Secret: renewal.SecretOurs, Created: now},
			ready: "True", reason: v1alpha1.ReasonIssued, also: v1alpha1.ConditionRenewalFailing, alsoReason: v1alpha1.ReasonKeySecretMissing},
		{why: "rejected", facts: renewal.Facts{Key: renewal.KeyRead, Last: failed(v1alpha1.OutcomeRejected)},
			ready: "False", reason: v1alpha1.ReasonRejected, also: v1alpha1.ConditionStalled},
		{why: "a URL for older inputs is not what was declared", facts: renewal.Facts{Key: renewal.KeyRead, InSecret: older, Secret: renewal.SecretOurs, Last: failed(v1alpha1.OutcomeUnavailable)},
			ready: "False", reason: v1alpha1.ReasonInputsChanged, also: v1alpha1.ConditionReconciling},
		{why: "what worked works no more", facts: renewal.Facts{Key: renewal.KeyRead, InSecret: dead, Secret: renewal.SecretOurs, Issued: true, Last: failed(v1alpha1.OutcomeUnavailable)},
			ready: "False", reason: v1alpha1.ReasonExpired, also: v1alpha1.ConditionReconciling},
		{why: "never issued, and it mends itself", facts: renewal.Facts{Key: renewal.KeyRead, Last: failed(v1alpha1.OutcomeMalformed)},
			ready: "False", reason: v1alpha1.ReasonMalformed, also: v1alpha1.ConditionReconciling},
		{why: "never issued, and it waits for its turn", facts: renewal.Facts{Key: renewal.KeyRead, QueuedSince: now.Add(-time.Minute), Observed: true},
			ready: "False", reason: v1alpha1.ReasonQueued, also: v1alpha1.ConditionReconciling},
		{why: "it keeps the cause that it had", facts: renewal.Facts{Key: renewal.KeyRead, Last: waited(failed(v1alpha1.OutcomeUnavailable)), QueuedSince: now.Add(-time.Minute), Observed: true},
			ready: "False", reason: v1alpha1.ReasonUnavailable, also: v1alpha1.ConditionReconciling},
		{why: "waiting for a turn mends no renewal", facts: renewal.Facts{Key: renewal.KeyRead, InSecret: grant(9 * time.Minute), Secret: renewal.SecretOurs,
			Last: waited(failed(v1alpha1.OutcomeUnavailable)), QueuedSince: now.Add(-time.Minute), Observed: true},
			ready: "True", reason: v1alpha1.ReasonIssued, also: v1alpha1.ConditionRenewalFailing, alsoReason: v1alpha1.ReasonUnavailable},
		{why: "a write that the API server did not refuse is tried again", facts: renewal.Facts{
			Key: renewal.KeyRead, Unsaved: alive, Write: renewal.WriteState{Failed: true, RetryAt: now.Add(time.Minute)}},
			ready: "False", reason: v1alpha1.ReasonSecretWriteFailed, also: v1alpha1.ConditionReconciling},
		{why: "a late key does not hide that writing is forbidden", facts: renewal.Facts{
			Key: renewal.KeyMissing, Created: now, InSecret: older, Secret: renewal.SecretOurs, Write: refused},
			ready: "False", reason: v1alpha1.ReasonSecretWriteFailed, also: v1alpha1.ConditionStalled},
		{why: "it was asked for a moment ago, and nothing failed", facts: renewal.Facts{Key: renewal.KeyRead, Asked: now.Add(-time.Second)},
			ready: "False", reason: v1alpha1.ReasonQueued, also: v1alpha1.ConditionReconciling},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			f := row.facts
			f.Now = now
			session, _ := statusOf(f)
			conditions := session.Status.Conditions
			if ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); ready.Status != row.ready || ready.Reason != row.reason {
				t.Errorf("Ready is %s for %s, want %s for %s", ready.Status, ready.Reason, row.ready, row.reason)
			}
			var also, alsoReason string
			for _, c := range conditions {
				if c.Type != v1alpha1.ConditionReady {
					also, alsoReason = also+c.Type, c.Reason
				}
			}
			if row.alsoReason == "" && row.also != "" {
				row.alsoReason = row.reason
			}
			if also != row.also || alsoReason != row.alsoReason {
				t.Errorf("beside it %q for %q, want %q for %q", also, alsoReason, row.also, row.alsoReason)
			}
			for _, problem := range invariants.Conditions(session) {
				t.Error(problem)
			}
		})
	}
}

// Waiting tools and people read how long a condition has been as it is, and take one that
// lingers for true.
func TestConditionsFollowTheSession(t *testing.T) {
	t.Parallel()
	session := &v1alpha1.BillingSession{}
	report := func(at time.Time, last *v1alpha1.Attempt) []metav1.Condition {
		facts := renewal.Facts{Now: at, Key: renewal.KeyRead, InSecret: grant(time.Minute), Secret: renewal.SecretOurs, Last: last}
		session.Status = status.Of(status.Input{Session: session, Facts: facts, Plan: renewal.Decide(facts), Grant: facts.InSecret})
		return session.Status.Conditions
	}
	first := report(now, failed(v1alpha1.OutcomeRejected))
	if c := meta.FindStatusCondition(first, v1alpha1.ConditionRenewalFailing); c == nil || !c.LastTransitionTime.Time.Equal(now) {
		t.Errorf("renewal fails since now (%v), and the conditions are %+v", now, first)
	}
	second := report(now.Add(time.Minute), nil)
	if len(second) != 1 || !second[0].LastTransitionTime.Time.Equal(now) {
		t.Errorf("Ready alone has been true since %v, and the conditions are %+v", now, second)
	}
}

// waited is an attempt whose wait is over.
func waited(last *v1alpha1.Attempt) *v1alpha1.Attempt {
	last.NextTime = &last.Time
	return last
}

// FuzzConditions reports on facts as users, clusters and endpoints may leave them.
func FuzzConditions(f *testing.F) {
	for _, data := range renewaltest.Corpus(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		from := renewaltest.Tape(data)
		session, plan := statusOf(from.Facts())
		if plan.Step != renewal.Wait {
			return // nothing is reported before the last step
		}
		for _, problem := range invariants.Conditions(session) {
			t.Errorf("by rule %s: %s", plan.Rule, problem)
		}
		if !slices.Contains(renewal.Rules(), plan.Rule) {
			t.Errorf("rule %q", plan.Rule)
		}
	})
}
