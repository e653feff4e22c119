package renewal

import "time"

// WantedSince is when the URL that the plan is about began to be wanted. ok is false if nothing
// tells: neither an object nor the schedule says when inputs were changed, a URL was requested,
// or one was lost.
func (f Facts) WantedSince(p Plan) (since time.Time, ok bool) {
	last := f.lastGrant()
	switch {
	case p.Cause == RenewalDue:
		return p.Due, true
	case p.Cause != NoneAlive, f.Issued && last == nil:
		return time.Time{}, false
	}
	// Times of creation are cut to whole seconds. A wait is rather told too short.
	since = f.Created.Add(time.Second)
	if last != nil && last.ExpiresAt().After(since) {
		since = last.ExpiresAt()
	}
	return since, true
}

// MarginLeft is the life that is left of the last URL, as a share of the margin that was planned.
// ok is false if there was none, or none with a margin.
func (f Facts) MarginLeft(now time.Time) (share float64, ok bool) {
	last := f.lastGrant()
	if last == nil {
		return 0, false
	}
	margin := Margin(last.Life(), f.RenewBefore)
	if margin <= 0 {
		return 0, false
	}
	return max(last.ExpiresAt().Sub(now), 0).Seconds() / margin.Seconds(), true
}

// lastGrant is the grant that is or was in use, dead or alive.
func (f Facts) lastGrant() *Grant {
	if f.InSecret != nil {
		return f.InSecret
	}
	return f.InStatus
}
