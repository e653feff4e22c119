package status

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// row is a situation that a session can be in, and what its conditions say then.
type row struct {
	situation string
	holds     func(in *Input) bool
	// ready is the status of the condition Ready.
	ready metav1.ConditionStatus
	// reason is the reason of Ready; empty to take Plan.Blocked. The condition beside it has
	// the same reason, except RenewalFailing, which always takes Plan.Blocked.
	reason string
	// also is the condition that is true beside Ready; empty for none.
	also string
}

const (
	yes = metav1.ConditionTrue
	no  = metav1.ConditionFalse
)

// table is the condition table of README.md. The first row that holds describes the session.
var table = []row{
	// Nothing is done while the name belongs to somebody else, and only a person can change that.
	{"the Secret is not ours", secretIsForeign, no, "", v1alpha1.ConditionStalled},
	// Garbage collection removes the Secret by itself.
	{"waiting for garbage collection", awaitsCollection, no, "", v1alpha1.ConditionReconciling},
	// No pod can get a URL until a person lifts the quota, the policy or the missing permission.
	{"writing the Secret is forbidden", writeIsForbidden, no, "", v1alpha1.ConditionStalled},
	// The URL works, so whoever waits for it may go on. Whoever looks must learn that it will not last.
	{"alive, renewal failing", isAliveAndFailing, yes, v1alpha1.ReasonIssued, v1alpha1.ConditionRenewalFailing},
	// The URL works.
	{"alive for today's inputs", isAlive, yes, v1alpha1.ReasonIssued, ""},
	// Suspending is a wish, so this is neither a failure nor progress.
	{"suspended, none alive for today's inputs", isSuspended, no, v1alpha1.ReasonSuspended, ""},
	// Whoever created the session may be about to create the key.
	{"the key's Secret is late", keyIsLate, no, "", v1alpha1.ConditionReconciling},
	// Nothing changes until a person acts.
	{"a person must act", needsPerson, no, "", v1alpha1.ConditionStalled},
	// The URL works, but for other inputs than those that are declared now.
	{"alive for older inputs, retrying", isAliveForOlderInputs, no, v1alpha1.ReasonInputsChanged, v1alpha1.ConditionReconciling},
	// It worked before, so whoever relies on it must learn that it does not any more.
	{"expired, retrying", wasIssued, no, v1alpha1.ReasonExpired, v1alpha1.ConditionReconciling},
	// The next attempt may succeed, and nobody has to act.
	{"never issued, retrying", isBlocked, no, "", v1alpha1.ConditionReconciling},
	// Nothing has failed: only the ten seconds between two requests are not over.
	{"never issued", always, no, v1alpha1.ReasonQueued, v1alpha1.ConditionReconciling},
}

// Each predicate may rely on the rows before its own: they do not hold.

func secretIsForeign(in *Input) bool  { return in.Plan.Blocked == v1alpha1.ReasonSecretConflict }
func awaitsCollection(in *Input) bool { return in.Plan.Blocked == v1alpha1.ReasonAwaitingCollection }

func writeIsForbidden(in *Input) bool {
	return in.Facts.Write.Refused && in.Plan.Blocked == v1alpha1.ReasonSecretWriteFailed && !in.Facts.InSecret.Alive(in.Facts.Now)
}

func isAlive(in *Input) bool { return in.Plan.UpToDate }

// isAliveAndFailing is false for a renewal that waits for its turn, because nothing has failed.
func isAliveAndFailing(in *Input) bool {
	failing := in.Plan.Blocked != "" && in.Plan.Blocked != v1alpha1.ReasonQueued
	return isAlive(in) && failing && !in.Facts.Suspended
}

func isSuspended(in *Input) bool { return in.Facts.Suspended }

func keyIsLate(in *Input) bool {
	return in.Plan.Blocked == v1alpha1.ReasonKeySecretMissing && in.Facts.KeyIsLate()
}

func needsPerson(in *Input) bool {
	switch in.Plan.Blocked {
	case v1alpha1.ReasonRejected, v1alpha1.ReasonKeySecretMissing, v1alpha1.ReasonKeySecretForbidden, v1alpha1.ReasonKeyInvalid:
		return true
	case v1alpha1.ReasonSecretWriteFailed:
		return in.Facts.Write.Refused
	}
	return false
}

func isAliveForOlderInputs(in *Input) bool { return in.Plan.Active != nil }
func wasIssued(in *Input) bool             { return in.Facts.Issued }
func isBlocked(in *Input) bool             { return in.Plan.Blocked != "" }
func always(*Input) bool                   { return true }

// Situations are the situations of the condition table, in its order.
func Situations() []string {
	names := make([]string, len(table))
	for i, r := range table {
		names[i] = r.situation
	}
	return names
}

// conditions are what a row makes of an input.
type conditions struct {
	ready           metav1.ConditionStatus
	reason, message string
	// also is a further condition that is true, with a reason and message of its own.
	also, alsoReason, alsoMessage string
}

// conditionsFor picks the first row of the condition table that holds.
func conditionsFor(in *Input) conditions {
	r := rowFor(in)
	c := conditions{ready: r.ready, reason: r.reason, also: r.also}
	if c.reason == "" {
		c.reason = in.Plan.Blocked
	}
	c.message = sentences(message(in, c.reason), heldSecretMessage(in))
	c.alsoReason, c.alsoMessage = c.reason, c.message
	if r.also == v1alpha1.ConditionRenewalFailing {
		c.alsoReason, c.alsoMessage = in.Plan.Blocked, obstacleMessage(in, in.Plan.Blocked)
	}
	return c
}

func rowFor(in *Input) row {
	for _, r := range table {
		if r.holds(in) {
			return r
		}
	}
	return row{} // the last row always holds
}

// set replaces all conditions: those that are abnormal when true are there only while
// they are true.
func (c conditions) set(status *v1alpha1.BillingSessionStatus, now time.Time) {
	set := func(kind string, value metav1.ConditionStatus, reason, message string) {
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: kind, Status: value, Reason: reason, Message: message,
			ObservedGeneration: status.ObservedGeneration,
			LastTransitionTime: metav1.NewTime(now.Truncate(time.Second)),
		})
	}
	set(v1alpha1.ConditionReady, c.ready, c.reason, c.message)
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionRenewalFailing} {
		if kind == c.also {
			set(kind, yes, c.alsoReason, c.alsoMessage)
			continue
		}
		meta.RemoveStatusCondition(&status.Conditions, kind)
	}
}
