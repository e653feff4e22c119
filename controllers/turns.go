package controllers

import (
	"container/heap"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

// Turns decides which session asks the endpoint next, so that the rate limit,
// the number of requests under way and the pauses of keys are kept without a
// worker that waits. A session that cannot ask at once is parked, and woken when
// its turn has come.
type Turns struct {
	clock   clock.Clock
	limiter *rate.Limiter
	slots   int
	salt    [32]byte
	// wake brings a session before a worker again; it must not block.
	wake func(types.NamespacedName)

	mu       sync.Mutex
	inFlight int
	// given counts turns, to give one of ten to sessions without a URL.
	given int
	// alive and without are the parked sessions by what they have.
	alive, without line
	parked         map[types.NamespacedName]*place
	// reserved are turns given to parked sessions and not used yet.
	reserved map[types.NamespacedName]keyID
	// gates are kept for good: a key that is not used any more costs a few bytes.
	gates   map[keyID]*keyGate
	changed chan struct{}
}

// keyID stands for a key where the key itself must not be held.
type keyID [sha256.Size]byte

// rank is what a session's place in the line depends on.
type rank struct {
	// alive says that the session has a URL which works, and will until it is replaced.
	alive bool
	// before is until when a turn can keep that alive, or since when a session without
	// one was not asked for: the earliest has the first turn.
	before time.Time
}

// expired says that the URL was lost while the session was in the line. Many may be
// at once; until each was looked at, they would have the turns of those alive.
func (r rank) expired(now time.Time) bool { return r.alive && !now.Before(r.before) }

// place is a parked session.
type place struct {
	name  types.NamespacedName
	key   keyID
	rank  rank
	index int // in its line; -1 while it waits for its key's probe
}

// noneAliveEvery is which turn goes to a session without a URL, when there are both.
const noneAliveEvery = 10

// newTurns allows qps requests a second (no limit when zero) with bursts, and
// slots at the same time.
func newTurns(c clock.Clock, qps float64, burst, slots int, wake func(types.NamespacedName)) *Turns {
	limit := rate.Limit(qps)
	if qps == 0 {
		limit = rate.Inf
	}
	t := &Turns{
		clock: c, limiter: rate.NewLimiter(limit, burst), slots: slots, wake: wake,
		parked:   map[types.NamespacedName]*place{},
		reserved: map[types.NamespacedName]keyID{},
		gates:    map[keyID]*keyGate{},
		changed:  make(chan struct{}, 1),
	}
	_, _ = rand.Read(t.salt[:]) // never fails
	return t
}

// keyID is the same for the same key in this process, and means nothing outside it.
func (t *Turns) keyID(key endpoint.Key) keyID {
	return sha256.Sum256(append(t.salt[:], key.Reveal()...))
}

// Take says whether the session may ask now. If not it is parked, and woken when
// it may. Whoever may ask must call Done.
func (t *Turns) Take(name types.NamespacedName, key keyID, r rank) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if reserved, ok := t.reserved[name]; ok {
		delete(t.reserved, name)
		if reserved == key && t.gate(key).pausedUntil(t.clock.Now()).IsZero() {
			return true
		}
		t.release(name, reserved)
	}
	t.unpark(name)
	if t.lineIsEmpty() && t.mayGo(key) {
		t.begin(name, key)
		return true
	}
	t.park(&place{name: name, key: key, rank: r})
	t.signal()
	return false
}

// Leave gives back whatever place or turn the session has: it does not want to ask.
func (t *Turns) Leave(name types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unpark(name)
	if key, ok := t.reserved[name]; ok {
		delete(t.reserved, name)
		t.release(name, key)
	}
}

// Done ends a turn. It says until when the key is paused; zero when it is not.
func (t *Turns) Done(name types.NamespacedName, key keyID, throttled bool, told time.Duration) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gate(key).answered(name, t.clock.Now(), throttled, told)
	t.release(name, key)
	return t.gate(key).pausedUntil(t.clock.Now())
}

// PausedUntil is when the key's pause ends; zero when there is none.
func (t *Turns) PausedUntil(key keyID) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.gate(key).pausedUntil(t.clock.Now())
}

// Waiting is how many sessions are parked.
func (t *Turns) Waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.parked)
}

// Start gives turns to parked sessions until the context ends.
func (t *Turns) Start(ctx context.Context) error {
	for {
		next := t.give()
		timer := t.clock.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-t.changed:
		case <-timer.C():
		}
		timer.Stop()
	}
}

// idleLook is when to look again while nothing is known to become due.
const idleLook = 10 * time.Minute

// give hands out all turns that can be had now, and says when to look again.
func (t *Turns) give() time.Duration {
	var woken []types.NamespacedName
	defer func() {
		for _, name := range woken {
			t.wake(name)
		}
	}()
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.inFlight < t.slots {
		next := t.next()
		if next == nil {
			break
		}
		gate := t.gate(next.key)
		switch {
		case next.rank.expired(t.clock.Now()):
			t.unpark(next.name) // it shall decide anew, and will be in the other line
		case !gate.pausedUntil(t.clock.Now()).IsZero():
			t.unpark(next.name) // it shall decide anew, and will wait
		case gate.probing():
			t.holdForProbe(next)
			continue
		case !t.limiter.AllowN(t.clock.Now(), 1):
			return t.untilAllowed()
		default:
			t.unpark(next.name)
			t.inFlight++
			gate.enter(next.name)
			t.reserved[next.name] = next.key
			t.given++
		}
		woken = append(woken, next.name)
	}
	return idleLook
}

// next is whose turn it is: nine of ten go to URLs that are alive, what expires
// first first; one of ten to the session that has waited longest for its first.
func (t *Turns) next() *place {
	first, second := &t.alive, &t.without
	if t.given%noneAliveEvery == noneAliveEvery-1 {
		first, second = second, first
	}
	if first.Len() > 0 {
		return first.places[0]
	}
	if second.Len() > 0 {
		return second.places[0]
	}
	return nil
}

func (t *Turns) lineIsEmpty() bool { return t.alive.Len()+t.without.Len() == 0 }

// mayGo says whether a request with the key may start now, and takes it from the limit.
func (t *Turns) mayGo(key keyID) bool {
	gate := t.gate(key)
	return t.inFlight < t.slots && gate.pausedUntil(t.clock.Now()).IsZero() && !gate.probing() &&
		t.limiter.AllowN(t.clock.Now(), 1)
}

func (t *Turns) begin(name types.NamespacedName, key keyID) {
	t.inFlight++
	t.given++
	t.gate(key).enter(name)
}

// release ends a turn, used or not.
func (t *Turns) release(name types.NamespacedName, key keyID) {
	t.inFlight--
	gate := t.gate(key)
	gate.leave(name)
	if !gate.probing() {
		for _, p := range gate.held {
			t.park(p)
		}
		gate.held = nil
	}
	t.signal()
}

func (t *Turns) park(p *place) {
	t.parked[p.name] = p
	heap.Push(t.lineOf(p), p)
}

func (t *Turns) unpark(name types.NamespacedName) {
	p, ok := t.parked[name]
	if !ok {
		return
	}
	delete(t.parked, name)
	if p.index >= 0 {
		heap.Remove(t.lineOf(p), p.index)
		return
	}
	t.gate(p.key).drop(p)
}

// holdForProbe takes the first place out of the line until the key's probe is back.
func (t *Turns) holdForProbe(p *place) {
	heap.Remove(t.lineOf(p), p.index)
	p.index = -1
	t.gate(p.key).held = append(t.gate(p.key).held, p)
}

func (t *Turns) lineOf(p *place) *line {
	if p.rank.alive {
		return &t.alive
	}
	return &t.without
}

func (t *Turns) gate(key keyID) *keyGate {
	gate, ok := t.gates[key]
	if !ok {
		gate = &keyGate{}
		t.gates[key] = gate
	}
	return gate
}

func (t *Turns) untilAllowed() time.Duration {
	now := t.clock.Now()
	reservation := t.limiter.ReserveN(now, 1)
	defer reservation.CancelAt(now)
	return max(reservation.DelayFrom(now), time.Millisecond)
}

// signal makes Start look again.
func (t *Turns) signal() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// line is a heap of places by rank.
type line struct{ places []*place }

func (l *line) Len() int { return len(l.places) }

func (l *line) Less(i, j int) bool { return l.places[i].rank.before.Before(l.places[j].rank.before) }

func (l *line) Swap(i, j int) {
	l.places[i], l.places[j] = l.places[j], l.places[i]
	l.places[i].index, l.places[j].index = i, j
}

// Push is called by package heap.
func (l *line) Push(x any) {
	p := x.(*place) //nolint:forcetypeassert // only places are pushed
	p.index = len(l.places)
	l.places = append(l.places, p)
}

// Pop is called by package heap.
func (l *line) Pop() any {
	last := len(l.places) - 1
	p := l.places[last]
	l.places[last] = nil
	l.places = l.places[:last]
	return p
}
