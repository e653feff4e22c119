package renewal

import (
	"math"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

const (
	minRetry = 10 * time.Second
	// maxRetry caps the wait while no URL for today's inputs is alive.
	maxRetry = 5 * time.Minute

	// maxRetryAfter caps the pause that an endpoint may ask for.
	maxRetryAfter = time.Hour

	// maxPauseStagger is the period over which sessions come back after their key's pause.
	maxPauseStagger = 5 * time.Second
)

// rejectedRetries are the waits after rejected requests. A person must act; a request now
// and then finds out whether one did at Xtracta's end.
var rejectedRetries = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// pauseStagger delays a session after its key's pause ends: the closer its expiry, the
// shorter the delay. Without it all sessions return together, the order is random, and
// as many requests as may run at once are spent on learning that the key is throttled
// again. A URL that expires before the pause ends is looked at when it does.
func (f Facts) pauseStagger(active *Grant) time.Duration {
	if active == nil {
		return Spread(f.UID, f.pauseEnds(), maxPauseStagger)
	}
	return min(active.ExpiresAt().Sub(f.pauseEnds())/100, maxPauseStagger)
}

// Result is the result of a request, as far as the schedule is concerned.
type Result struct {
	// At is when the answer came.
	At time.Time
	// Outcome is its kind.
	Outcome v1alpha1.Outcome
	// Message is a sentence for people.
	Message string
	// Grant is what was granted, nil otherwise.
	Grant *Grant
	// PausedUntil is when the pause of the key ends; zero when the key is not paused.
	PausedUntil time.Time
}

// NextAttempt is what the status must remember of a request: nothing when it settled the
// matter, and otherwise how many failed in a row and when the next one follows.
func NextAttempt(f Facts, r Result) *v1alpha1.Attempt {
	if r.Grant != nil && f.settles(r.Grant, r.At) {
		return nil
	}
	failures := f.failures(r.Outcome)
	next := r.PausedUntil
	switch r.Outcome {
	case v1alpha1.OutcomeThrottled:
	case v1alpha1.OutcomeRejected:
		next = r.At.Add(rejectedRetries[min(int(failures), len(rejectedRetries))-1])
	case v1alpha1.OutcomeGranted, v1alpha1.OutcomeUnavailable, v1alpha1.OutcomeMalformed:
		next = r.At.Add(f.retryWait(int(failures), r.At))
	}
	nextTime := metaTime(roundUp(next))
	return &v1alpha1.Attempt{
		Time:         metaTime(r.At),
		Inputs:       f.Inputs,
		RenewRequest: f.RenewRequest,
		Outcome:      r.Outcome,
		Message:      r.Message,
		Failures:     failures,
		NextTime:     &nextTime,
	}
}

// Replaces reports whether a grant is to replace the active one. It always does if no grant
// for today's inputs is active, or the active one was issued before the clock was set back.
// Otherwise it does if it is for today's inputs and lives longer.
func Replaces(f Facts, g *Grant) bool {
	active, upToDate := f.active()
	if !upToDate || active.fromFuture(f.Now) {
		return true
	}
	return f.matches(g.Inputs, g.Fingerprint) && g.outlives(active)
}

// settles reports whether no further request is due after this grant. A grant that
// replaces the active one settles the matter if it is still alive when the next request
// is allowed. One that does not replace it (the same URL again, or a shorter life) does
// if the active grant was not due: a person asked early.
func (f Facts) settles(g *Grant, now time.Time) bool {
	if active, _ := f.active(); !Replaces(f, g) {
		return !f.isDue(active, now)
	}
	return g.Alive(now.Add(MinInterval))
}

// failures returns how many attempts in a row have failed, this one included. Other
// inputs start a new row. So does a rejection after other failures, or a failure after
// rejections: the first rejection after an outage must not wait for an hour.
func (f Facts) failures(o v1alpha1.Outcome) int32 {
	if f.Last == nil || !f.matchesLast() || isRejected(f.Last.Outcome) != isRejected(o) {
		return 1
	}
	return min(max(f.Last.Failures, 0), math.MaxInt32-1) + 1
}

func isRejected(o v1alpha1.Outcome) bool { return o == v1alpha1.OutcomeRejected }

// retryWait is the wait after so many failures in a row on which nobody has to act. It
// doubles, up to a quarter of the life that is left, or five minutes if no URL for
// today's inputs is alive. Jitter makes it up to a quarter longer, so that sessions that
// failed together do not return together.
func (f Facts) retryWait(failures int, now time.Time) time.Duration {
	longest := maxRetry
	if active, upToDate := f.active(); active != nil {
		quarter := active.ExpiresAt().Sub(now) / 4
		if upToDate || quarter < longest {
			longest = quarter
		}
	}
	wait := max(backoff(minRetry, failures, longest), MinInterval)
	return wait + Spread(f.UID, now, wait/4)
}

// backoff is first, doubled for each time after the first, at most longest.
func backoff(first time.Duration, times int, longest time.Duration) time.Duration {
	wait := first
	for i := 1; i < times && wait < longest; i++ {
		wait *= 2
	}
	return min(wait, longest)
}
