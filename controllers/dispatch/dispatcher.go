package dispatch

import (
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

// Options configure a Dispatcher.
type Options struct {
	Clock clock.Clock
	// QPS limits the requests a second, with bursts of Burst. Zero means no limit.
	QPS   float64
	Burst int
	// Slots is how many requests may be under way at the same time.
	Slots int
	// Wake makes a worker look at the session, and call TryAcquire or Cancel. Start
	// calls it without a lock, so that it may call the Dispatcher. It must not block:
	// the other sessions wait for it.
	Wake func(types.NamespacedName)
}

// Dispatcher decides which session asks the endpoint next. No worker waits for a
// turn: a session that may not ask yet is queued, and woken when it may.
type Dispatcher struct {
	clock   clock.Clock
	limiter *rate.Limiter
	slots   int
	wake    func(types.NamespacedName)
	salt    [32]byte
	changed chan struct{}

	mu       sync.Mutex
	inFlight int
	queued   map[types.NamespacedName]*waiter
	// queue are the queued sessions in no order. A turn looks through all of them, and a slice
	// is read in a quarter of the time of a map.
	queue []*waiter
	// candidates are those that could have the turn that is given. Each turn uses the memory
	// of the one before.
	candidates []*waiter
	// policies are asked in the order of their classes: what a person only asked for cannot
	// hold up what is due, in whatever number.
	policies [classes]policy
	// hasOutdated reports whether any must decide anew because its key is paused.
	hasOutdated bool
	// reserved are the turns of sessions that were woken and have not taken them yet.
	reserved map[types.NamespacedName]*Turn
	breakers map[KeyID]*breaker
	swept    time.Time
	arrivals uint64
}

// KeyID stands for an API key without holding it. It is the same for the same key
// in one process, and means nothing to another.
type KeyID [sha256.Size]byte

// New returns a Dispatcher. It wakes nobody until Start runs.
func New(o Options) *Dispatcher {
	limiter := rate.NewLimiter(rate.Limit(o.QPS), o.Burst)
	if o.QPS == 0 {
		limiter = rate.NewLimiter(rate.Inf, 1)
	}
	d := &Dispatcher{
		clock: o.Clock, limiter: limiter, slots: o.Slots, wake: o.Wake,
		changed:  make(chan struct{}, 1),
		queued:   map[types.NamespacedName]*waiter{},
		policies: [classes]policy{{namespaces: map[string]*namespace{}}, {namespaces: map[string]*namespace{}}},
		reserved: map[types.NamespacedName]*Turn{},
		breakers: map[KeyID]*breaker{},
		swept:    o.Clock.Now(),
	}
	_, _ = rand.Read(d.salt[:]) // never fails
	return d
}

// KeyID returns what stands for the key.
func (d *Dispatcher) KeyID(key endpoint.Key) KeyID {
	return sha256.Sum256(append(d.salt[:], key.Reveal()...))
}

// TryAcquire returns a turn if the session may ask now. Otherwise the session is
// queued, and woken when it may ask or must decide anew.
func (d *Dispatcher) TryAcquire(name types.NamespacedName, key KeyID, p Priority) (*Turn, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	b := d.breakerFor(key, now)
	if turn, ok := d.reserved[name]; ok {
		delete(d.reserved, name)
		if turn.breaker == b && !b.isOpen(now) {
			return turn, true
		}
		d.end(turn)
	}
	if _, waits := d.queued[name]; !waits && d.mayStart(now) && !b.isOpen(now) && b.hasRoom() && !d.somebodyGoesBefore(p) {
		d.policyOf(p).byNeed++
		return d.start(b, now), true
	}
	w := d.enqueue(name, p)
	w.breaker, w.outdated = b, b.isOpen(now)
	d.hasOutdated = d.hasOutdated || w.outdated
	if w.outdated || b.hasRoom() { // otherwise nothing changes until a turn with the key ends
		d.signal()
	}
	return nil, false
}

// Cancel takes the session out of the queue and gives back a turn that it was
// woken for: the session does not want to ask any more.
func (d *Dispatcher) Cancel(name types.NamespacedName) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w, ok := d.queued[name]; ok {
		d.dequeue(w)
	}
	if turn, ok := d.reserved[name]; ok {
		delete(d.reserved, name)
		d.end(turn)
	}
}

// HasTurn reports whether the session was woken for a turn that it has not taken yet.
func (d *Dispatcher) HasTurn(name types.NamespacedName) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.reserved[name]
	return ok
}

// PausedUntil returns when the key's pause ends; zero when it is not paused.
func (d *Dispatcher) PausedUntil(key KeyID) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if b, ok := d.breakers[key]; ok {
		return b.pausedUntil(d.clock.Now())
	}
	return time.Time{}
}

// Len returns how many sessions are queued.
func (d *Dispatcher) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.queue)
}

// WaitingByNamespace returns how many sessions are queued in each namespace that
// has any.
func (d *Dispatcher) WaitingByNamespace() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	waiting := map[string]int{}
	for _, p := range d.policies {
		for name, n := range p.namespaces {
			waiting[name] += n.waiting
		}
	}
	return waiting
}

// Start gives turns to queued sessions until the context ends.
func (d *Dispatcher) Start(ctx context.Context) error {
	for {
		timer := d.clock.NewTimer(d.dispatch())
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-d.changed:
		case <-timer.C():
		}
		timer.Stop()
	}
}

// dispatch gives out all turns that can be had now. It returns when to look again.
func (d *Dispatcher) dispatch() time.Duration {
	woken, next := d.reserve()
	for _, name := range woken {
		d.wake(name)
	}
	return next
}

// maxIdle is when Start looks again while no turn is expected.
const maxIdle = 10 * time.Minute

// reserve returns the sessions to be woken: those that must decide anew, and those
// that it reserved a turn for.
func (d *Dispatcher) reserve() (woken []types.NamespacedName, next time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	d.sweep(now)
	if d.hasOutdated || d.mayStart(now) {
		woken = d.takeOutdated(now)
	}
	for d.mayStart(now) {
		w := d.next()
		if w == nil {
			return woken, maxIdle
		}
		d.dequeue(w)
		d.reserved[w.name] = d.start(w.breaker, now)
		woken = append(woken, w.name)
	}
	if d.inFlight == d.slots {
		return woken, maxIdle
	}
	return woken, d.untilAllowed(now)
}

// mayStart reports whether slots and rate let one more request start. It costs little, so
// that it is asked before anybody looks through the queue.
func (d *Dispatcher) mayStart(now time.Time) bool {
	return d.inFlight < d.slots && d.limiter.TokensAt(now) >= 1
}

func (d *Dispatcher) untilAllowed(now time.Time) time.Duration {
	reservation := d.limiter.ReserveN(now, 1)
	defer reservation.CancelAt(now)
	return max(reservation.DelayFrom(now), time.Millisecond)
}

// signal makes Start look again.
func (d *Dispatcher) signal() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}
