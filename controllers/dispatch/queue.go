package dispatch

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// waiter is a queued session.
type waiter struct {
	name      types.NamespacedName
	priority  Priority
	arrival   uint64 // breaks ties
	breaker   *breaker
	namespace *namespace
	// outdated reports whether it must decide anew.
	outdated bool
}

// isNeedierThan reports whether w goes before the other, which is of the same kind.
func (w *waiter) isNeedierThan(other *waiter) bool {
	if c := w.priority.order.Compare(other.priority.order); c != 0 {
		return c < 0
	}
	return w.arrival < other.arrival
}

func (w *waiter) couldGo() bool { return !w.outdated && w.breaker.hasRoom() }

// next returns the session whose turn it is, nil if none could have one.
func (d *Dispatcher) next() *waiter {
	for of := range classes {
		d.candidates = d.candidates[:0]
		for _, w := range d.queue {
			if w.priority.class() == of && w.couldGo() {
				d.candidates = append(d.candidates, w)
			}
		}
		if len(d.candidates) > 0 {
			w := d.policies[of].next(d.candidates)
			clear(d.candidates) // holds nobody who goes
			return w
		}
	}
	return nil
}

// somebodyGoesBefore reports whether a queued session has the next turn before a
// newcomer of the priority.
func (d *Dispatcher) somebodyGoesBefore(p Priority) bool {
	return slices.ContainsFunc(d.queue, func(w *waiter) bool {
		return w.priority.class() <= p.class() && w.couldGo()
	})
}

func (d *Dispatcher) policyOf(p Priority) *policy { return &d.policies[p.class()] }

// enqueue lets the session wait with this priority. It keeps its arrival, and its namespace
// the place, if it does so already.
func (d *Dispatcher) enqueue(name types.NamespacedName, p Priority) *waiter {
	n := d.policyOf(p).enter(name.Namespace)
	w, waits := d.queued[name]
	if waits {
		d.policyOf(w.priority).leave(name.Namespace)
	} else {
		d.arrivals++
		w = &waiter{name: name, arrival: d.arrivals}
		d.queue = append(d.queue, w)
		d.queued[name] = w
	}
	w.namespace, w.priority = n, p
	return w
}

func (d *Dispatcher) dequeue(w *waiter) {
	i := slices.Index(d.queue, w)
	d.queue = slices.Delete(d.queue, i, i+1)
	d.forget(w)
}

func (d *Dispatcher) forget(w *waiter) {
	delete(d.queued, w.name)
	d.policyOf(w.priority).leave(w.name.Namespace)
}

// outdateAllWith lets the sessions that wait for the key decide anew.
func (d *Dispatcher) outdateAllWith(key *breaker) {
	for _, w := range d.queue {
		if w.breaker == key {
			w.outdated, d.hasOutdated = true, true
		}
	}
}

// takeOutdated takes out the sessions that must decide anew: their keys are paused, or
// their URLs expired in the queue. The latter are no renewals any more: after an outage
// there can be many, and they would use up the renewals' turns.
func (d *Dispatcher) takeOutdated(now time.Time) (names []types.NamespacedName) {
	d.hasOutdated = false
	d.queue = slices.DeleteFunc(d.queue, func(w *waiter) bool {
		if !w.outdated && !w.priority.hasExpired(now) {
			return false
		}
		d.forget(w)
		names = append(names, w.name)
		return true
	})
	return names
}
