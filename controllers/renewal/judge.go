package renewal

import (
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// held is the grant that is alive and whether it is for today's inputs. What the
// Secret holds counts first; the status counts while the Secret is gone or
// edited. What is only in memory helps no pod, and does not count.
func (f Facts) held() (g *Grant, current bool) {
	switch {
	case f.Stored.Alive(f.Now):
		g = f.Stored
	case f.Stored == nil && f.Shown.Alive(f.Now):
		g = f.Shown
	default:
		return nil, false
	}
	return g, f.same(g.Inputs, g.Fingerprint)
}

// cause is why a URL is wanted now.
func (f Facts) cause(p Plan) Cause {
	switch {
	case p.Held == nil:
		return NoneAlive
	case !p.Current:
		return InputsChanged
	case f.isDue(p.Held, f.Now):
		return RenewalDue
	case f.requested():
		return Requested
	}
	return NoCause
}

// isDue says whether the grant is to be replaced at now.
func (f Facts) isDue(g *Grant, now time.Time) bool {
	return !now.Before(Due(g, f.UID, f.RenewBefore)) || g.fromFuture(now)
}

// same says whether inputs with this fingerprint are today's. A key that is
// missing, invalid or not read yet counts as unchanged.
func (f Facts) same(inputs v1alpha1.Inputs, fingerprint string) bool {
	if inputs == f.Inputs {
		return true
	}
	if !onlyKeyDiffers(inputs, f.Inputs) {
		return false
	}
	if f.Key != KeyRead {
		return true
	}
	return fingerprint != "" && fingerprint == f.Fingerprint
}

// sameAsLast says whether the last attempt was made with today's inputs.
func (f Facts) sameAsLast() bool { return f.same(f.Last.Inputs, f.LastFingerprint) }

// onlyKeyDiffers says whether the inputs differ, and in nothing but where the
// key was read: its value may be the same.
func onlyKeyDiffers(a, b v1alpha1.Inputs) bool {
	return a != b && a.Purge == b.Purge && a.ExpirationSeconds == b.ExpirationSeconds && a.Endpoint == b.Endpoint
}

func sameKeyVersion(a, b v1alpha1.Inputs) bool {
	return a.KeySecretUID == b.KeySecretUID && a.KeySecretResourceVersion == b.KeySecretResourceVersion &&
		a.KeySecretKey == b.KeySecretKey
}

// requested says whether somebody asked for a fresh URL and was not answered yet.
func (f Facts) requested() bool {
	return f.RenewRequest != "" && f.RenewRequest != f.HandledRequest
}

// obstacle is why asking fails, or would: what came of the last attempt with
// today's inputs, a key that cannot be used, or a pause.
func (f Facts) obstacle() string {
	switch {
	case f.Write.Refused:
		return v1alpha1.ReasonSecretWriteFailed
	case f.Key == KeyMissing:
		return v1alpha1.ReasonKeySecretMissing
	case f.Key == KeyInvalid:
		return v1alpha1.ReasonKeyInvalid
	case f.Last != nil && f.sameAsLast():
		return reason(f.Last.Outcome)
	}
	return ""
}

// floorEnds is when this process may ask again for this session.
func (f Facts) floorEnds() time.Time {
	return f.within(Floor+clockTolerance, f.Asked.Add(Floor))
}

// pauseEnds is when the key may be used again. What an earlier process was told
// of this key counts too: it is in the status.
func (f Facts) pauseEnds() time.Time {
	ends := f.within(longestTold, f.PausedUntil)
	if f.lastHolds() && f.Last.Outcome == v1alpha1.OutcomeThrottled && sameKeyVersion(f.Last.Inputs, f.Inputs) &&
		f.Last.NextTime.After(ends) {
		ends = f.Last.NextTime.Time
	}
	return ends
}

// waitEnds is when the attempt after a failure is due. Changed inputs and a new
// request for renewal cut the wait.
func (f Facts) waitEnds() time.Time {
	if !f.lastHolds() || !f.sameAsLast() || f.requested() && f.RenewRequest != f.Last.RenewRequest {
		return time.Time{}
	}
	return f.Last.NextTime.Time
}

// writeWaitEnds is when a failed write may be tried again.
func (f Facts) writeWaitEnds() time.Time {
	if !f.Write.Failed {
		return time.Time{}
	}
	return f.within(LongestTimer, f.Write.RetryAt)
}

// within is the end of a wait that this process set, or zero when it is further
// ahead than it can have been set: the controller's clock was set back since.
func (f Facts) within(longest time.Duration, end time.Time) time.Time {
	if end.After(f.Now.Add(longest)) {
		return time.Time{}
	}
	return end
}

// lastHolds says whether the instants of the last attempt mean anything: they do
// not once the controller's clock was set back.
func (f Facts) lastHolds() bool {
	return f.Last != nil && f.Last.NextTime != nil && !f.Last.Time.After(f.Now.Add(clockTolerance))
}

// reason is the reason of the API for what came of an attempt that did not help.
// A grant that did not help is one that leaves its renewal due at once.
func reason(o v1alpha1.Outcome) string {
	switch o {
	case v1alpha1.OutcomeRejected:
		return v1alpha1.ReasonRejected
	case v1alpha1.OutcomeThrottled:
		return v1alpha1.ReasonThrottled
	case v1alpha1.OutcomeUnavailable:
		return v1alpha1.ReasonUnavailable
	case v1alpha1.OutcomeGranted, v1alpha1.OutcomeMalformed:
		return v1alpha1.ReasonMalformed
	}
	return v1alpha1.ReasonUnavailable
}
