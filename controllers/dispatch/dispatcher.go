package dispatch

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"maps"
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
	waiting  map[string]int // queued sessions by namespace
	// due goes before requested: what a person only asked for cannot hold up what is
	// due, in whatever number.
	due, requested *queue
	// outdated are queued sessions that must decide anew because their keys are paused.
	outdated []*waiter
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
	limit := rate.Limit(o.QPS)
	if o.QPS == 0 {
		limit = rate.Inf
	}
	d := &Dispatcher{
		clock: o.Clock, limiter: rate.NewLimiter(limit, o.Burst), slots: o.Slots, wake: o.Wake,
		changed:   make(chan struct{}, 1),
		queued:    map[types.NamespacedName]*waiter{},
		waiting:   map[string]int{},
		due:       newQueue(o.Slots, needier),
		requested: newQueue(o.Slots, needier),
		reserved:  map[types.NamespacedName]*Turn{},
		breakers:  map[KeyID]*breaker{},
		swept:     o.Clock.Now(),
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
	if turn, ok := d.reserved[name]; ok {
		delete(d.reserved, name)
		if turn.breaker.key == key && !turn.breaker.isOpen(now) {
			return turn, true
		}
		d.end(turn)
	}
	b := d.breakerFor(key, now)
	before := d.queued[name]
	if before == nil && !d.somebodyGoesBefore(p) && d.admit(b, now) {
		d.queueOf(p).root.turns++
		return d.start(b), true
	}
	d.enqueue(&waiter{name: name, priority: p, arrival: d.arrivalAfter(before)}, b)
	if before != nil {
		d.dequeue(before) // only now: a namespace in which nobody waits loses its place
	}
	d.signal()
	return nil, false
}

// arrivalAfter returns a new arrival, or that of the session when it was queued before.
func (d *Dispatcher) arrivalAfter(before *waiter) uint64 {
	if before != nil {
		return before.arrival
	}
	d.arrivals++
	return d.arrivals
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
	return len(d.queued)
}

// WaitingByNamespace returns how many sessions are queued in each namespace that
// has any.
func (d *Dispatcher) WaitingByNamespace() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.waiting)
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
	woken = d.takeOutdated(now)
	for d.inFlight < d.slots && (d.due.ready() || d.requested.ready()) {
		if !d.limiter.AllowN(now, 1) {
			return woken, d.untilAllowed(now)
		}
		w := d.nextQueue().next()
		b := w.flow.lane.breaker
		d.dequeue(w)
		d.reserved[w.name] = d.start(b)
		woken = append(woken, w.name)
	}
	return woken, maxIdle
}

// takeOutdated takes out the sessions that must decide anew: their keys are paused,
// or their URLs expired in the queue. The latter are no renewals any more: after an
// outage there can be many, and they would use up the renewals' turns.
func (d *Dispatcher) takeOutdated(now time.Time) (names []types.NamespacedName) {
	for w := d.due.root.best(renewal); w != nil && !now.Before(w.priority.order); w = d.due.root.best(renewal) {
		d.dequeue(w)
		names = append(names, w.name)
	}
	for _, w := range d.outdated {
		if d.queued[w.name] == w {
			d.dequeue(w)
			names = append(names, w.name)
		}
	}
	d.outdated = nil
	return names
}

func (d *Dispatcher) queueOf(p Priority) *queue {
	if p.kind == requested {
		return d.requested
	}
	return d.due
}

func (d *Dispatcher) nextQueue() *queue {
	if d.due.ready() {
		return d.due
	}
	return d.requested
}

// somebodyGoesBefore reports whether a queued session has the next turn before a
// newcomer of the priority.
func (d *Dispatcher) somebodyGoesBefore(p Priority) bool {
	return d.due.ready() || p.kind == requested && d.requested.ready()
}

func (d *Dispatcher) enqueue(w *waiter, b *breaker) {
	d.queued[w.name] = w
	d.waiting[w.name.Namespace]++
	if b.isOpen(d.clock.Now()) {
		d.outdated = append(d.outdated, w)
		return
	}
	d.queueOf(w.priority).add(w, b)
}

func (d *Dispatcher) dequeue(w *waiter) {
	if d.queued[w.name] == w {
		delete(d.queued, w.name)
	}
	namespace := w.name.Namespace
	if d.waiting[namespace]--; d.waiting[namespace] == 0 {
		delete(d.waiting, namespace)
	}
	if w.flow != nil {
		d.queueOf(w.priority).remove(w)
	}
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
