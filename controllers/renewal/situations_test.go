package renewal_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// standing is what the conditions of a session are made of.
type standing struct {
	Alive, UpToDate bool
	Cause           renewal.Cause
	Blocked         string
}

// Each situation that a user can tell from the conditions can be told from a plan.
func TestSituations(t *testing.T) {
	for _, row := range []struct {
		situation string
		facts     renewal.Facts
		want      standing
	}{
		{"nothing tried yet", rest(empty), standing{Cause: renewal.NoneAlive}},
		{
			"never issued, retrying", rest(empty, failed(v1alpha1.OutcomeUnavailable, 20*s)),
			standing{Cause: renewal.NoneAlive, Blocked: v1alpha1.ReasonUnavailable},
		},
		{"alive for today's inputs", rest(), standing{Alive: true, UpToDate: true}},
		{
			"alive, renewal failing at the endpoint", rest(holds(due()), failed(v1alpha1.OutcomeRejected, m)),
			standing{Alive: true, UpToDate: true, Cause: renewal.RenewalDue, Blocked: v1alpha1.ReasonRejected},
		},
		{
			"alive, renewal failing for want of a key", rest(holds(due()), key(renewal.KeyMissing)),
			standing{Alive: true, UpToDate: true, Cause: renewal.RenewalDue, Blocked: v1alpha1.ReasonKeySecretMissing},
		},
		{
			"alive, renewal failing at the write", rest(holds(due()), remembers(fresh()), writeRefused(20*s)),
			standing{Alive: true, UpToDate: true, Cause: renewal.RenewalDue, Blocked: v1alpha1.ReasonSecretWriteFailed},
		},
		{
			"alive for older inputs, retrying", rest(holds(fresh(older)), failed(v1alpha1.OutcomeMalformed, 20*s)),
			standing{Alive: true, Cause: renewal.InputsChanged, Blocked: v1alpha1.ReasonMalformed},
		},
		{
			"alive for older inputs, and a person must act", rest(holds(fresh(older)), failed(v1alpha1.OutcomeRejected, m)),
			standing{Alive: true, Cause: renewal.InputsChanged, Blocked: v1alpha1.ReasonRejected},
		},
		{
			"expired, retrying", rest(holds(dead()), failed(v1alpha1.OutcomeUnavailable, 20*s)),
			standing{Cause: renewal.NoneAlive, Blocked: v1alpha1.ReasonUnavailable},
		},
		{
			"expired, throttled", rest(holds(dead()), paused(m)),
			standing{Cause: renewal.NoneAlive, Blocked: v1alpha1.ReasonThrottled},
		},
		{
			"none alive, the key rejected", rest(empty, failed(v1alpha1.OutcomeRejected, m)),
			standing{Cause: renewal.NoneAlive, Blocked: v1alpha1.ReasonRejected},
		},
		{
			"none alive, the key missing", rest(holds(dead()), key(renewal.KeyMissing)),
			standing{Cause: renewal.NoneAlive, Blocked: v1alpha1.ReasonKeySecretMissing},
		},
		{
			"none alive, the key invalid", rest(empty, key(renewal.KeyInvalid)),
			standing{Cause: renewal.NoneAlive, Blocked: v1alpha1.ReasonKeyInvalid},
		},
		{
			"the Secret is not ours", rest(empty, secret(renewal.SecretForeign)),
			standing{Cause: renewal.NoneAlive, Blocked: v1alpha1.ReasonSecretConflict},
		},
		{
			"none alive in the Secret, and writing is forbidden", rest(holds(dead()), remembers(fresh()), writeRefused(20*s)),
			standing{Cause: renewal.NoneAlive, Blocked: v1alpha1.ReasonSecretWriteFailed},
		},
		{
			"waiting for garbage collection", rest(empty, secret(renewal.SecretOfPredecessor)),
			standing{Cause: renewal.NoneAlive, Blocked: v1alpha1.ReasonAwaitingCollection},
		},
		{
			"suspended, alive for today's inputs", rest(suspended),
			standing{Alive: true, UpToDate: true, Blocked: v1alpha1.ReasonSuspended},
		},
		{
			"suspended, none alive", rest(holds(dead()), suspended),
			standing{Cause: renewal.NoneAlive, Blocked: v1alpha1.ReasonSuspended},
		},
		{
			"suspended, alive for older inputs", rest(holds(fresh(older)), suspended),
			standing{Alive: true, Cause: renewal.InputsChanged, Blocked: v1alpha1.ReasonSuspended},
		},
	} {
		t.Run(row.situation, func(t *testing.T) {
			p := renewal.Decide(row.facts)
			got := standing{Alive: p.Active != nil, UpToDate: p.UpToDate, Cause: p.Cause, Blocked: p.Blocked}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("at %v (-want +got):\n%s", now, diff)
			}
		})
	}
}
