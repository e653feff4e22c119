package renewal_test

import (
	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// situations are those that a user can tell from the conditions, and that no row elsewhere shows
// with these facts.
var situations = []row{
	{why: "alive, renewal failing at the endpoint",
		facts: rest(holds(due()), failed(v1alpha1.OutcomeRejected, m)),
		want:  but(renewDue, retryWaits(v1alpha1.ReasonRejected))},
	{why: "alive for older inputs, retrying",
		facts: rest(holds(fresh(older)), failed(v1alpha1.OutcomeMalformed, 20*s)),
		want:  but(askAnew, retryWaits(v1alpha1.ReasonMalformed))},
	{why: "expired, retrying",
		facts: rest(holds(dead()), failed(v1alpha1.OutcomeUnavailable, 20*s)),
		want:  but(firstIssue, retryWaits(v1alpha1.ReasonUnavailable))},
	{why: "expired, throttled",
		facts: rest(holds(dead()), paused(m)), want: but(firstIssue, keyPaused)},
	{why: "none alive, the key rejected",
		facts: rest(empty, failed(v1alpha1.OutcomeRejected, m)), want: but(firstIssue, retryWaits(v1alpha1.ReasonRejected))},
	{why: "none alive, the key missing",
		facts: rest(holds(dead()), key(renewal.KeyMissing)), want: but(firstIssue, keyless(v1alpha1.ReasonKeySecretMissing))},
	{why: "none alive in the Secret, and writing is forbidden",
		facts: rest(holds(dead()), remembers(fresh()), writeRefused(20*s)),
		want:  but(firstIssue, unwritable("GrantIsUnsaved"))},
	{why: "suspended, alive for today's inputs", facts: rest(suspended), want: but(atRest, suspends)},
	{why: "suspended, none alive", facts: rest(holds(dead()), suspended), want: but(firstIssue, suspends)},
}
