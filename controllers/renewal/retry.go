package renewal

import (
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

const (
	firstRetry = 10 * time.Second
	// longestRetry bounds the wait while no URL for today's inputs is alive.
	longestRetry = 5 * time.Minute

	firstPause   = 30 * time.Second
	longestPause = 10 * time.Minute
)

// rejectedRetries is how long a rejected request waits: a person must act, and a
// look now and then shows whether one did at the other end.
var rejectedRetries = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// Pause is how long all sessions with a key wait after the endpoint throttled it
// for the strikes-th time in a row: as long as told, or from 30 seconds doubling to ten
// minutes where nothing usable was told.
func Pause(strikes int, told time.Duration) time.Duration {
	if told > 0 {
		return told
	}
	return double(firstPause, strikes, longestPause)
}

// Answer is what came of a request, as far as the schedule is concerned.
type Answer struct {
	// At is when it came.
	At time.Time
	// Outcome is its kind.
	Outcome v1alpha1.Outcome
	// Message says it in a sentence for people.
	Message string
	// Grant is what was granted, nil otherwise.
	Grant *Grant
	// PausedUntil is when the key's pause ends that the answer began.
	PausedUntil time.Time
}

// After is what is to be remembered of an attempt: nothing when it helped, and
// otherwise how often it failed in a row and when the next one follows.
func After(f Facts, a Answer) *v1alpha1.Attempt {
	if a.Grant != nil && !dueAtOnce(f, a.Grant, a.At) {
		return nil
	}
	failures := 1
	if f.Last != nil && f.sameAsLast() {
		failures += int(f.Last.Failures)
	}
	next := a.PausedUntil
	switch a.Outcome {
	case v1alpha1.OutcomeThrottled:
	case v1alpha1.OutcomeRejected:
		next = a.At.Add(rejectedRetries[min(failures, len(rejectedRetries))-1])
	default:
		next = a.At.Add(f.retry(failures, a))
	}
	nextTime := metaTime(roundUp(next))
	return &v1alpha1.Attempt{
		Time:         metaTime(a.At),
		Inputs:       f.Inputs,
		RenewRequest: f.RenewRequest,
		Outcome:      a.Outcome,
		Message:      a.Message,
		Failures:     int32(failures), //nolint:gosec // a count of attempts ten seconds apart
		NextTime:     &nextTime,
	}
}

// Keep says whether a grant is to replace what is held: always when that is not
// for today's inputs, otherwise when it lives longer.
func Keep(f Facts, g *Grant) bool {
	held, current := f.held()
	return held == nil || !current || g.ExpiresAt().After(held.ExpiresAt())
}

// dueAtOnce says whether a grant leaves its renewal due before the next request
// would be allowed: the same URL again, or a life of seconds.
func dueAtOnce(f Facts, g *Grant, now time.Time) bool {
	return Due(g, f.UID, f.RenewBefore).Before(now.Add(Floor))
}

// retry is the wait after the failures-th failure in a row that nobody has to act
// on. It doubles; it is at most a quarter of the life that is left, or five
// minutes where no URL for today's inputs is alive; and it comes up to a quarter
// later, so that sessions that failed together do not return together.
func (f Facts) retry(failures int, a Answer) time.Duration {
	held, current := f.held()
	if a.Grant.Alive(a.At) && Keep(f, a.Grant) {
		held, current = a.Grant, true
	}
	longest := longestRetry
	if held != nil {
		quarter := held.ExpiresAt().Sub(a.At) / 4
		if current || quarter < longest {
			longest = quarter
		}
	}
	wait := max(double(firstRetry, failures, longest), Floor)
	return wait + time.Duration(spread(f.UID, a.At)*float64(wait/4))
}

// double is first, doubled for each time after the first, at most longest.
func double(first time.Duration, times int, longest time.Duration) time.Duration {
	wait := first
	for i := 1; i < times && wait < longest; i++ {
		wait *= 2
	}
	return min(wait, longest)
}
