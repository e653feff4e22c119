package dispatch

import (
	"maps"
	"time"
)

const (
	firstPause = 30 * time.Second
	maxPause   = 10 * time.Minute

	// maxUnused is how long a breaker is kept that nobody uses. After that, the next
	// request with the key is a probe again.
	maxUnused = time.Minute
)

// breaker stops the requests with one key while the endpoint throttles it. It is open
// during a pause. After a pause, and before the first answer, it is half-open: one
// request goes ahead as a probe and the others wait for its answer, so that only one
// request is spent on finding out whether the key is still throttled. An answer that is
// not throttled closes it.
type breaker struct {
	share     int // how many requests may be under way
	inFlight  int
	closed    bool
	openUntil time.Time
	throttles int // in a row
	// probe is the request that goes ahead; nil while none does.
	probe *Turn
	// servedByNeed reports whether the key's last turn went by need while several
	// namespaces waited.
	servedByNeed bool
	lastUsed     time.Time
}

// pause returns how long a key's sessions wait after the endpoint has throttled the key
// so many times in a row: retryAfter if the endpoint gave one, otherwise 30 seconds that
// double to ten minutes.
func pause(throttles int, retryAfter time.Duration) time.Duration {
	if retryAfter > 0 {
		return retryAfter
	}
	wait := firstPause
	for i := 1; i < throttles && wait < maxPause; i++ {
		wait *= 2
	}
	return min(wait, maxPause)
}

func (b *breaker) isOpen(now time.Time) bool { return now.Before(b.openUntil) }

// pausedUntil returns when the pause ends; zero when there is none.
func (b *breaker) pausedUntil(now time.Time) time.Time {
	if !b.isOpen(now) {
		return time.Time{}
	}
	return b.openUntil
}

// hasRoom reports whether one more request may start: no probe is under way, and
// others are left their part of the slots.
func (b *breaker) hasRoom() bool { return b.probe == nil && b.inFlight < b.share }

func (b *breaker) enter(turn *Turn) {
	b.inFlight++
	if !b.closed {
		b.probe = turn
	}
}

func (b *breaker) leave(turn *Turn, now time.Time) {
	b.inFlight--
	b.lastUsed = now
	if b.probe == turn {
		b.probe = nil
	}
}

// answered notes the endpoint's answer. Requests that were under way together with
// the one that began a pause do not count again, and do not end it.
func (b *breaker) answered(turn *Turn, now time.Time, throttled bool, retryAfter time.Duration) {
	switch {
	case throttled && b.isOpen(now):
		if until := now.Add(retryAfter); until.After(b.openUntil) {
			b.openUntil = until
		}
	case throttled:
		b.throttles++
		b.closed = false
		b.openUntil = now.Add(pause(b.throttles, retryAfter))
	case !b.isOpen(now) && (b.closed || b.probe == turn):
		b.closed = true
		b.throttles = 0
	}
}

// unused reports whether the breaker can be forgotten. One that was open is kept for a
// while, so that a pause right after the last one is longer.
func (b *breaker) unused(now time.Time) bool {
	return b.inFlight == 0 && now.Sub(b.lastUsed) >= maxUnused && now.Sub(b.openUntil) >= maxUnused
}

func (d *Dispatcher) breakerFor(key KeyID, now time.Time) *breaker {
	b, ok := d.breakers[key]
	if !ok {
		b = &breaker{share: max(1, d.slots/2)}
		d.breakers[key] = b
	}
	b.lastUsed = now
	return b
}

// sweep forgets the keys that nobody uses any more. Looking at all of them once a
// while costs less than keeping them in the order of their last use.
func (d *Dispatcher) sweep(now time.Time) {
	if now.Sub(d.swept) < maxUnused {
		return
	}
	d.swept = now
	for _, w := range d.queue {
		w.breaker.lastUsed = now
	}
	maps.DeleteFunc(d.breakers, func(_ KeyID, b *breaker) bool { return b.unused(now) })
}
