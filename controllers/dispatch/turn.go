package dispatch

import "time"

// Turn is the right to make one request.
type Turn struct {
	dispatcher *Dispatcher
	breaker    *breaker
	ended      bool
}

// Release ends the turn with the endpoint's answer. It returns when the key's pause
// ends; zero when the key is not paused.
func (t *Turn) Release(throttled bool, retryAfter time.Duration) (pausedUntil time.Time) {
	d := t.dispatcher
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	if !t.ended {
		t.breaker.answered(t, now, throttled, retryAfter)
		d.end(t)
	}
	return t.breaker.pausedUntil(now)
}

// Abandon ends the turn if Release has not: a deferred call keeps a panic from
// losing a slot, and from locking the key whose probe the request was.
func (t *Turn) Abandon() {
	t.dispatcher.mu.Lock()
	defer t.dispatcher.mu.Unlock()
	if !t.ended {
		t.dispatcher.end(t)
	}
}

// start takes a slot, and a request from the rate limit.
func (d *Dispatcher) start(b *breaker, now time.Time) *Turn {
	d.limiter.AllowN(now, 1)
	turn := &Turn{dispatcher: d, breaker: b}
	d.inFlight++
	b.enter(turn)
	return turn
}

// end gives back the turn's slot. When the key was paused meanwhile, the sessions
// that wait for it must decide anew.
func (d *Dispatcher) end(turn *Turn) {
	turn.ended = true
	d.inFlight--
	now := d.clock.Now()
	turn.breaker.leave(turn, now)
	if turn.breaker.isOpen(now) {
		d.outdateAllWith(turn.breaker)
	}
	d.signal()
}
