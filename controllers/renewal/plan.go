package renewal

import "time"

// Step is what the controller does next.
type Step int

// Steps. Another decision follows each of them, except Wait.
const (
	// Wait does nothing until Plan.RequeueAt.
	Wait Step = iota
	// ReadKey reads the API key.
	ReadKey
	// Ask asks the endpoint for a URL.
	Ask
	// Store writes the grant of Plan.Source into the generated Secret.
	Store
	// SyncMetadata brings the labels, annotations and owner of the generated Secret in
	// line, and leaves its data alone.
	SyncMetadata
	// DryRun asks the API server whether it would accept the generated Secret.
	DryRun
)

// Cause is why a URL is wanted.
type Cause string

// Causes: no request is ever spent for another reason.
const (
	// NoCause: no URL is wanted now.
	NoCause Cause = ""
	// NoneAlive: the session has no URL that is alive.
	NoneAlive Cause = "NoneAlive"
	// InputsChanged: the URL that is alive was issued for other inputs.
	InputsChanged Cause = "InputsChanged"
	// RenewalDue: the URL that is alive is due for renewal.
	RenewalDue Cause = "RenewalDue"
	// Requested: somebody asked for a fresh URL.
	Requested Cause = "Requested"
)

// Source is where the grant to be stored comes from.
type Source int

// Sources of a grant.
const (
	// NoSource: there is nothing to store.
	NoSource Source = iota
	// FromMemory: Facts.Unsaved.
	FromMemory
	// FromStatus: Facts.InStatus.
	FromStatus
)

// Plan is a decision.
type Plan struct {
	// Step is what to do now.
	Step Step
	// Rule is the rule that decided.
	Rule Rule
	// Cause is why a URL is wanted, also while something blocks the request.
	Cause Cause
	// Blocked is why no request is made, or why the next one would fail, as a reason of
	// the conditions. It is empty if there is no obstacle.
	Blocked string
	// Source is which grant to store, with the step Store.
	Source Source
	// Active is the grant that is alive, nil if there is none.
	Active *Grant
	// UpToDate reports whether Active was issued for today's inputs.
	UpToDate bool
	// Due is when Active is due for renewal; zero without it.
	Due time.Time
	// RequeueAt is when to decide again, with the step Wait.
	RequeueAt time.Time
	// Quiet reports whether the status need not be written: the session only waits for
	// its turn, which mostly comes within moments.
	Quiet bool
}

// showsDeadURL reports whether the status shows a URL that has expired.
func (p Plan) showsDeadURL(f Facts) bool { return p.Active == nil && f.InStatus != nil }
