// Package renewal decides when a session asks for a URL, and what happens until
// then. Its decisions are pure: facts and the time go in, a plan comes out. It
// knows no Kubernetes client and no HTTP.
package renewal

import (
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// Facts are everything that a decision about one session depends on.
type Facts struct {
	// Now is the time of the decision, by the controller's clock.
	Now time.Time

	// UID identifies the session; what is spread over time is derived from it.
	UID string
	// Suspended says that no request may be spent.
	Suspended bool
	// RenewBefore is the margin that the user asked for; zero for the default.
	RenewBefore time.Duration
	// RenewRequest is the token that asks for a fresh URL, and HandledRequest the
	// last one that was answered.
	RenewRequest, HandledRequest string

	// Inputs are today's: what a request made now would be made with.
	Inputs v1alpha1.Inputs
	// Key is what is known of the API key.
	Key KeyState
	// Fingerprint identifies today's inputs with the key's value, once it is read.
	Fingerprint string

	// Secret is the state of the generated Secret.
	Secret SecretState
	// Stored is the grant in the generated Secret, when it is ours and unedited.
	Stored *Grant
	// Shown is the grant in the status, complete with its URL.
	Shown *Grant
	// Unwritten is a grant that is only in memory so far.
	Unwritten *Grant
	// Issued says that the session has had a URL before.
	Issued bool

	// Last is the last attempt, nil when it succeeded or there was none.
	Last *v1alpha1.Attempt
	// LastFingerprint identifies the inputs of the last attempt; empty after a restart.
	LastFingerprint string
	// Asked is when this process last asked for this session; zero when it did not.
	Asked time.Time
	// PausedUntil is when the pause of the key ends; zero when there is none.
	PausedUntil time.Time
	// Write is what came of the last attempt to write the Secret.
	Write WriteState
}

// KeyState is what is known of the API key.
type KeyState int

// States of the API key.
const (
	// KeyUnread: its Secret exists, and its value at this version was not read.
	KeyUnread KeyState = iota
	// KeyMissing: there is no such Secret or entry, or it cannot be read.
	KeyMissing
	// KeyInvalid: the value cannot be an API key.
	KeyInvalid
	// KeyRead: the value is known.
	KeyRead
)

// SecretState is the state of the generated Secret.
type SecretState int

// States of the generated Secret.
const (
	// SecretAbsent: there is none.
	SecretAbsent SecretState = iota
	// SecretOurs: it is as it was written.
	SecretOurs
	// SecretUntidy: its data is as it was written, its labels or annotations are not
	// as they should be.
	SecretUntidy
	// SecretEdited: it is ours, and somebody changed what it holds.
	SecretEdited
	// SecretForeign: it is not ours, or an older session claims its name.
	SecretForeign
	// SecretUncollected: it belongs to a deleted session of the same name.
	SecretUncollected
)

// WriteState is what came of the last attempt to write the generated Secret.
type WriteState struct {
	// Failed says that the last write failed.
	Failed bool
	// Refused says that it failed in a way that a person must mend.
	Refused bool
	// RetryAt is when to try again.
	RetryAt time.Time
}
