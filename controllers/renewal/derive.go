package renewal

import (
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// active is the grant that is alive, and whether it is for today's inputs. The grant in
// the Secret counts first; the one in the status counts while the Secret is gone or
// edited. A grant that only this process holds does not count, as no pod can use it.
func (f Facts) active() (g *Grant, upToDate bool) {
	switch {
	case f.InSecret.Alive(f.Now):
		g = f.InSecret
	case f.InSecret == nil && f.InStatus.Alive(f.Now):
		g = f.InStatus
	default:
		return nil, false
	}
	return g, f.matches(g.Inputs, g.Fingerprint)
}

// cause is why a URL is wanted now.
func (f Facts) cause(p Plan) Cause {
	switch {
	case p.Active == nil:
		return NoneAlive
	case !p.UpToDate:
		return InputsChanged
	case f.isDue(p.Active, f.Now):
		return RenewalDue
	case f.requested():
		return Requested
	}
	return NoCause
}

func (f Facts) isDue(g *Grant, now time.Time) bool {
	return !now.Before(Due(g, f.UID, f.RenewBefore)) || g.fromFuture(now)
}

// matches reports whether inputs with this fingerprint are today's. A key that cannot be
// read counts as unchanged: a URL that is alive must not be given up for it.
func (f Facts) matches(inputs v1alpha1.Inputs, fingerprint string) bool {
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

// matchesLast reports whether the last attempt was made with today's inputs.
func (f Facts) matchesLast() bool { return f.matches(f.Last.Inputs, f.LastFingerprint) }

// onlyKeyDiffers reports whether the inputs differ in nothing but where the key was
// read. Its value may be the same.
func onlyKeyDiffers(a, b v1alpha1.Inputs) bool {
	return a != b && withoutKey(a) == withoutKey(b)
}

func sameKeyVersion(a, b v1alpha1.Inputs) bool {
	return a.KeySecretUID == b.KeySecretUID && a.KeySecretResourceVersion == b.KeySecretResourceVersion &&
		a.KeySecretKey == b.KeySecretKey
}

func withoutKey(inputs v1alpha1.Inputs) v1alpha1.Inputs {
	inputs.KeySecretUID, inputs.KeySecretResourceVersion, inputs.KeySecretKey = "", "", ""
	return inputs
}

// requested reports whether somebody asked for a fresh URL and was not answered yet.
func (f Facts) requested() bool {
	return f.RenewRequest != "" && f.RenewRequest != f.HandledRequest
}

// obstacle is why a request fails, or would: a Secret that cannot be written, a key that
// cannot be used, or the result of the last attempt with today's inputs.
func (f Facts) obstacle() string {
	switch {
	case f.Write.Refused:
		return v1alpha1.ReasonSecretWriteFailed
	case f.Key == KeyMissing:
		return v1alpha1.ReasonKeySecretMissing
	case f.Key == KeyForbidden:
		return v1alpha1.ReasonKeySecretForbidden
	case f.Key == KeyInvalid:
		return v1alpha1.ReasonKeyInvalid
	case f.Last != nil && f.matchesLast():
		return reason(f.Last.Outcome)
	case f.Write.Failed && !f.Write.Conflicted:
		return v1alpha1.ReasonSecretWriteFailed
	}
	return ""
}

// KeyIsLate reports whether the key's Secret may still be on its way: it is missing, and
// the session is so young that a tool may be creating both.
func (f Facts) KeyIsLate() bool {
	return f.Key == KeyMissing && f.Now.Before(f.keyGraceEnds())
}

// keyGraceEnds is when a missing key Secret stops counting as late. Created is by the API
// server's clock, which may be ahead of ours by another keyGrace.
func (f Facts) keyGraceEnds() time.Time {
	return f.unlessClockSetBack(2*keyGrace, f.Created.Add(keyGrace))
}

// minIntervalEnds is when this process may ask again for this session.
func (f Facts) minIntervalEnds() time.Time {
	return f.unlessClockSetBack(MinInterval+clockTolerance, f.Asked.Add(MinInterval))
}

// pauseEnds is when the key may be used again. After a restart only the status knows of
// the pause.
func (f Facts) pauseEnds() time.Time {
	ends := f.unlessClockSetBack(maxRetryAfter, f.PausedUntil)
	if f.lastIsPlausible() && f.Last.Outcome == v1alpha1.OutcomeThrottled && sameKeyVersion(f.Last.Inputs, f.Inputs) &&
		f.Last.NextTime.After(ends) {
		ends = f.Last.NextTime.Time
	}
	return ends
}

// waitEnds is when the attempt after a failure is due. Changed inputs and a new renew
// token cut the wait short.
func (f Facts) waitEnds() time.Time {
	if !f.lastIsPlausible() || !f.matchesLast() || f.requested() && f.RenewRequest != f.Last.RenewRequest {
		return time.Time{}
	}
	return f.Last.NextTime.Time
}

// writeWaitEnds is when a failed write may be tried again.
func (f Facts) writeWaitEnds() time.Time {
	return f.unlessClockSetBack(MaxRequeue, f.Write.RetryAt)
}

// unlessClockSetBack returns end, or zero if end lies further ahead than the longest wait
// of its kind: then the controller's clock was set back after end was computed.
func (f Facts) unlessClockSetBack(longest time.Duration, end time.Time) time.Time {
	if end.After(f.Now.Add(longest)) {
		return time.Time{}
	}
	return end
}

// lastIsPlausible reports whether the instants of the last attempt can be trusted. They
// cannot when they lie in the future: the controller's clock was set back.
func (f Facts) lastIsPlausible() bool {
	return f.Last != nil && f.Last.NextTime != nil && !f.Last.Time.After(f.Now.Add(clockTolerance))
}

// reason is the reason that conditions give for an attempt that did not settle the
// matter. A grant does not if it leaves renewal due at once.
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
