package renewal

import (
	"math"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

const (
	firstRetry = 10 * time.Second
	// longestRetry bounds the wait while no URL for today's inputs is alive.
	longestRetry = 5 * time.Minute

	firstPause   = 30 * time.Second
	longestPause = 10 * time.Minute
	// longestTold bounds the pause that an endpoint may ask for.
	longestTold = time.Hour
)

// rejectedRetries is how long a rejected request waits: a person must act, and a
// look now and then shows whether one did at the other end.
var rejectedRetries = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// Pause is how long all sessions with a key wait after the endpoint throttled it
// for the strikes-th time in a row: as long as told, which is at most an hour, or
// from 30 seconds doubling to ten minutes where nothing usable was told.
func Pause(strikes int, told time.Duration) time.Duration {
	if told > 0 {
		return told
	}
	return double(firstPause, strikes, longestPause)
}

// longestAfterPause is over how long sessions come back after a pause of their key.
const longestAfterPause = 5 * time.Second

// afterPause is how much later than the end of a pause a session that holds this
// grant comes back: what expires first comes first, those without a URL in between.
// If all came at once, chance would say who asks before the next pause begins, and
// as many as may ask at once would find out that it has.
func (f Facts) afterPause(held *Grant) time.Duration {
	if held == nil {
		return time.Duration(spread(f.UID, f.pauseEnds()) * float64(longestAfterPause))
	}
	return min(max(held.ExpiresAt().Sub(f.pauseEnds()), 0)/100, longestAfterPause)
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
	if a.Grant != nil && f.helped(a.Grant, a.At) {
		return nil
	}
	failures := f.failures(a.Outcome)
	next := a.PausedUntil
	switch a.Outcome {
	case v1alpha1.OutcomeThrottled:
	case v1alpha1.OutcomeRejected:
		next = a.At.Add(rejectedRetries[min(int(failures), len(rejectedRetries))-1])
	default:
		next = a.At.Add(f.retry(int(failures), a))
	}
	nextTime := metaTime(roundUp(next))
	return &v1alpha1.Attempt{
		Time:         metaTime(a.At),
		Inputs:       f.Inputs,
		RenewRequest: f.RenewRequest,
		Outcome:      a.Outcome,
		Message:      a.Message,
		Failures:     failures,
		NextTime:     &nextTime,
	}
}

// Keep says whether a grant is to replace what is held: always when that is not
// for today's inputs, or when its offset no longer holds; otherwise when it is for
// today's inputs itself and lives longer.
func Keep(f Facts, g *Grant) bool {
	held, current := f.held()
	if held == nil || !current || held.fromFuture(f.Now) {
		return true
	}
	return f.same(g.Inputs, g.Fingerprint) && g.outlives(held)
}

// helped says whether nothing is due after a grant. One that is kept helps when its
// margin begins after the next request would be allowed; the jitter does not
// count, as it is ours. One that is not kept (the same URL again, or a shorter
// life) helps when what is held was not due: somebody asked for a fresh one.
func (f Facts) helped(g *Grant, now time.Time) bool {
	if held, _ := f.held(); !Keep(f, g) {
		return !f.isDue(held, now)
	}
	margin := Margin(g.Life(), f.RenewBefore)
	return !g.ExpiresAt().Add(-margin).Before(now.Add(Floor))
}

// failures counts a failure with those before it in a row. They are of today's
// inputs, and all or none of them rejections: a rejection after an outage is a
// first one, and has to wait no longer than that.
func (f Facts) failures(o v1alpha1.Outcome) int32 {
	if f.Last == nil || !f.sameAsLast() || isRejected(f.Last.Outcome) != isRejected(o) {
		return 1
	}
	return min(max(f.Last.Failures, 0), math.MaxInt32-1) + 1
}

func isRejected(o v1alpha1.Outcome) bool { return o == v1alpha1.OutcomeRejected }

// retry is the wait after the failures-th failure in a row that nobody has to act
// on. It doubles; it is at most a quarter of the life that is left, or five
// minutes where no URL for today's inputs is alive; and it comes up to a quarter
// later, so that sessions that failed together do not return together. A grant
// that dies before the next request is allowed is as good as none.
func (f Facts) retry(failures int, a Answer) time.Duration {
	held, current := f.held()
	if a.Grant.Alive(a.At.Add(Floor)) && Keep(f, a.Grant) {
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
