// Package renewal decides when a session asks for a URL, and what happens until then.
// Its decisions are pure: facts and the time go in, a plan comes out. It knows no
// Kubernetes client and no HTTP.
//
// The times that it computes come from three formulas:
//
//	due     = expire − margin − jitter, where margin is renewBeforeSeconds or a third
//	          of the life (120 s to half the life), never over 4/5 of the life, and
//	          jitter is up to a tenth of the life
//	backoff = 10 s × 2^(failures−1), at most a quarter of the life left or 5 min, plus
//	          up to a quarter of that as jitter
//	pause   = what the endpoint asked for, at most an hour
//
// All jitter is derived from the session's UID and an instant that is stored, so each
// pass computes the same times.
package renewal

import (
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// Facts are everything that a decision about one session depends on.
type Facts struct {
	// Now is the time of the decision, by the controller's clock.
	Now time.Time

	// UID identifies the session. Its jitter is derived from it.
	UID string
	// Created is when the session was created, by the API server's clock.
	Created time.Time
	// Suspended reports whether requests are forbidden.
	Suspended bool
	// RenewBefore is the margin that the user asked for; zero for the default.
	RenewBefore time.Duration
	// RenewRequest is the token that asks for a fresh URL, and HandledRequest the
	// last one that was answered.
	RenewRequest, HandledRequest string

	// Inputs are what a request made now would be made with: today's inputs.
	Inputs v1alpha1.Inputs
	// Key is what is known of the API key.
	Key KeyState
	// Fingerprint identifies today's inputs together with the key's value. It is empty
	// until the key is read.
	Fingerprint string

	// Secret is the state of the generated Secret.
	Secret SecretState
	// InSecret is the grant in the generated Secret, when that is ours and unedited.
	InSecret *Grant
	// InStatus is the grant in the status, when that shows its URL.
	InStatus *Grant
	// Unsaved is a grant that only this process holds so far.
	Unsaved *Grant
	// Issued reports whether the session has had a URL before.
	Issued bool
	// Observed reports whether the status describes the session already.
	Observed bool

	// Last is the last attempt, nil when that settled the matter or there was none.
	Last *v1alpha1.Attempt
	// LastFingerprint identifies the inputs of the last attempt; empty after a restart.
	LastFingerprint string
	// Asked is when this process last asked the endpoint for a URL of this session; zero
	// when it did not.
	Asked time.Time
	// QueuedSince is when the session began to wait for its turn to ask; zero when it
	// does not wait.
	QueuedSince time.Time
	// PausedUntil is when the pause of the key ends; zero when there is none.
	PausedUntil time.Time
	// Write is the result of the last attempt to write the Secret.
	Write WriteState
}

// KeyState is what is known of the API key.
type KeyState int

// States of the API key.
const (
	// KeyUnread: its Secret exists, and its value at this version was not read yet.
	KeyUnread KeyState = iota
	// KeyMissing: there is no such Secret, or it has no such entry.
	KeyMissing
	// KeyForbidden: the controller may not read the Secret.
	KeyForbidden
	// KeyInvalid: the value cannot be an API key.
	KeyInvalid
	// KeyRead: the value is known.
	KeyRead
)

// SecretState is the state of the generated Secret.
type SecretState int

// States of the generated Secret.
const (
	// SecretAbsent: no Secret has its name.
	SecretAbsent SecretState = iota
	// SecretOurs: it is as it was written.
	SecretOurs
	// SecretDrifted: its data is as it was written, its labels, annotations or owner
	// are not as they should be.
	SecretDrifted
	// SecretEdited: it is ours, and somebody changed its data.
	SecretEdited
	// SecretForeign: it is not ours, or an older session claims its name.
	SecretForeign
	// SecretOfPredecessor: it belongs to a deleted session of the same name.
	SecretOfPredecessor
)

// WriteState is the result of the last attempt to write the generated Secret.
type WriteState struct {
	// Failed reports whether the last write failed.
	Failed bool
	// Conflicted reports whether it failed because somebody else wrote at the same
	// time. Reading again cures that, so nobody is told.
	Conflicted bool
	// Refused reports whether a person must remove the cause.
	Refused bool
	// RetryAt is when to try again; zero unless the last write failed.
	RetryAt time.Time
}
