package renewal

import (
	"slices"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// URLWait is how long a session has been waiting for a URL. Only waits that a person cannot
// end count: otherwise a key that is missing for a week would hide how fast the operator is.
type URLWait struct {
	// Cause is why a URL is wanted; NoCause while the session does not wait.
	Cause Cause
	// Since is when the wait began.
	Since time.Time
	// Replaced is the last grant that was there then, nil if there was none.
	Replaced *Grant
	// Held reports whether the session had to wait for a person before.
	Held bool
}

// heldReasons are the obstacles that only a person removes.
var heldReasons = []string{
	v1alpha1.ReasonSuspended, v1alpha1.ReasonRejected, v1alpha1.ReasonSecretConflict, v1alpha1.ReasonSecretWriteFailed,
	v1alpha1.ReasonKeySecretMissing, v1alpha1.ReasonKeySecretForbidden, v1alpha1.ReasonKeyInvalid,
}

// IsHeld reports whether an obstacle is one that only a person removes.
func IsHeld(reason string) bool { return slices.Contains(heldReasons, reason) }

// Next returns the wait after another decision. over reports whether w has ended with a new
// URL, and not because none is wanted any more.
func (w URLWait) Next(f Facts, p Plan) (next URLWait, over bool) {
	over = w.Cause != NoCause && p.UpToDate && !p.Active.isSame(w.Replaced)
	switch {
	case p.Cause == NoCause:
		return URLWait{}, over
	case f.isHeld(p):
		return URLWait{Held: true}, over
	case p.Cause == w.Cause && !over:
		return w, false
	}
	next = URLWait{Cause: p.Cause, Since: f.wantedSince(p), Replaced: f.lastGrant(), Held: w.Held && !over}
	if next.Held && w.Cause == NoCause || next.Since.After(f.Now) {
		next.Since = f.Now // nobody knows when the person acted
	}
	return next, over
}

// MarginLeft is the life that was left of the replaced URL at now, as a share of the margin
// that was planned. ok is false if this was no renewal, or was late because of a person.
func (w URLWait) MarginLeft(renewBefore time.Duration, now time.Time) (share float64, ok bool) {
	isRenewal := w.Cause == RenewalDue || w.Cause == NoneAlive
	if w.Replaced == nil || w.Held || !isRenewal {
		return 0, false
	}
	margin := Margin(w.Replaced.Life(), renewBefore)
	if margin <= 0 {
		return 0, false
	}
	return max(w.Replaced.ExpiresAt().Sub(now), 0).Seconds() / margin.Seconds(), true
}

func (f Facts) isHeld(p Plan) bool {
	if p.Blocked == v1alpha1.ReasonSecretWriteFailed {
		return f.Write.Refused
	}
	return IsHeld(p.Blocked)
}

// wantedSince is when the cause of the plan arose. No object tells when inputs changed or a
// URL was requested: that counts from the moment at which it is seen.
func (f Facts) wantedSince(p Plan) time.Time {
	last := f.lastGrant()
	switch {
	case p.Cause == RenewalDue:
		return p.Due
	case p.Cause != NoneAlive, f.Issued && last == nil:
		return f.Now
	}
	// Times of creation are cut to whole seconds. A wait is rather told too short.
	since := f.Created.Add(time.Second)
	if last != nil && last.ExpiresAt().After(since) {
		since = last.ExpiresAt()
	}
	return since
}

// lastGrant is the grant that is or was in use, dead or alive.
func (f Facts) lastGrant() *Grant {
	if f.InSecret != nil {
		return f.InSecret
	}
	return f.InStatus
}

func (g *Grant) isSame(other *Grant) bool {
	return other != nil && g.Issued.Equal(other.Issued) && g.Expire.Equal(other.Expire)
}
