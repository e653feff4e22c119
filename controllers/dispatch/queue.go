package dispatch

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// kind is what a session waits for.
type kind int

const (
	firstIssue kind = iota // it has no URL that is alive
	renewal                // it has one, which can still be replaced in time
	requested              // a person asked; nothing is due

	// kinds is how many a queue tells apart. Requested sessions have one of their own.
	kinds = requested
)

// firstIssueEvery is which turn goes to a first issue while there are renewals too.
const firstIssueEvery = 10

// Priority is a session's place among those that wait.
type Priority struct {
	kind  kind
	order time.Time // the earliest goes first: a deadline, or the start of a wait
}

// Renewal is the priority of a session whose URL is alive. After the deadline a
// request cannot save the URL any more, and the session is woken to decide anew.
func Renewal(deadline time.Time) Priority { return Priority{renewal, deadline} }

// FirstIssue is the priority of a session that has no URL which is alive. It has
// waited since the latest of its creation, its last attempt and the last URL's expiry.
func FirstIssue(since time.Time) Priority { return Priority{firstIssue, since} }

// Requested is the priority of a session that a person asked a fresh URL for while
// nothing is due.
func Requested(since time.Time) Priority { return Priority{requested, since} }

// kindInQueue is the kind by which a queue files the priority: requested sessions
// have a queue of their own.
func (p Priority) kindInQueue() kind {
	if p.kind == renewal {
		return renewal
	}
	return firstIssue
}

// waiter is a queued session.
type waiter struct {
	name     types.NamespacedName
	priority Priority
	arrival  uint64 // breaks ties
	flow     *flow  // nil while it must decide anew
	index    int    // in the heap of the flow, plus one; zero while it is out of it
}

// needier reports whether a goes before b, which is of the same kind.
func needier(a, b *waiter) bool {
	if c := a.priority.order.Compare(b.priority.order); c != 0 {
		return c < 0
	}
	return a.arrival < b.arrival
}

// queue gives turns by need and by fairness in alternation.
//
// By need it is a tournament with a heap for each kind. The sessions of one namespace
// with one key are a flow, and its neediest competes with those of the namespace's
// other flows; its winner competes with those of the other namespaces. A flow whose
// key is held takes no part.
//
// By fairness the namespaces have turns in the order of their places in the ring, and
// each gives the turn to its winner.
type queue struct {
	root       *group
	namespaces map[string]*namespace
	ring       indexedHeap[*namespace]
	// places is the last place that was given out. A namespace keeps its place while
	// its keys are held: otherwise it would go behind all others each time.
	places uint64
	// hand is the place of the namespace that had the last turn by fairness.
	hand uint64
	// fair reports whether the next turn goes by fairness.
	fair bool
	// orderings are shared by all heaps of a kind.
	orderings [kinds]ordering[contender]
}

// namespace is what waits in a namespace.
type namespace struct {
	group
	queue *queue
	name  string
	flows int
	place uint64
	// ringIndex is its index in the ring plus one; zero while it is out of the ring.
	ringIndex int
}

// flow is the sessions in one namespace that wait for one key.
type flow struct {
	group
	namespace *namespace
	breaker   *breaker
	held      bool
}

type flowID struct {
	queue     *queue
	namespace string
}

func newQueue(needier func(a, b *waiter) bool) *queue {
	q := &queue{namespaces: map[string]*namespace{}}
	for k := range kinds {
		q.orderings[k] = ordering[contender]{
			less:  func(a, b contender) bool { return needier(a.best(k), b.best(k)) },
			index: func(c contender) *int { return c.indexOf(k) },
		}
	}
	q.ring.ordering = ordering[*namespace]{
		less:  func(a, b *namespace) bool { return a.place < b.place },
		index: func(n *namespace) *int { return &n.ringIndex },
	}
	root := q.newGroup()
	q.root = &root
	return q
}

// ready reports whether a session could have a turn.
func (q *queue) ready() bool { return q.ring.Len() > 0 }

// next returns the session whose turn it is. While one namespace waits alone, need
// and fairness are the same.
func (q *queue) next() *waiter {
	if q.ring.Len() == 1 {
		return q.root.next()
	}
	byFairness := q.fair
	q.fair = !q.fair
	if byFairness {
		n := q.ring.members[0]
		q.hand = n.place
		return q.nextOf(n)
	}
	w := q.root.next()
	b := w.flow.breaker
	if n := q.passedOver(b); n != nil && b.servedByNeed {
		return q.nextOf(n)
	}
	b.servedByNeed = true
	return w
}

// nextOf gives the namespace a turn by fairness.
func (q *queue) nextOf(n *namespace) *waiter {
	q.toBack(n)
	w := n.next()
	w.flow.breaker.servedByNeed = false
	return w
}

// passedOver returns the first namespace with the key that the round passed over, as
// the key was held. Of two turns by need with one key it has one. Otherwise a key
// that comes free in step with other requests, always for a turn by need, would be
// held at every turn by fairness, and the namespace would never have any.
func (q *queue) passedOver(b *breaker) (first *namespace) {
	if q.ring.members[0].place >= q.hand {
		return nil
	}
	for id, f := range b.flows {
		if id.queue == q && f.namespace.place < q.hand && (first == nil || f.namespace.place < first.place) {
			first = f.namespace
		}
	}
	return first
}

// toBack puts n behind all other namespaces.
func (q *queue) toBack(n *namespace) {
	q.places++
	n.place = q.places
	if n.ringIndex > 0 {
		q.ring.update(n, true)
	}
}

func (q *queue) add(w *waiter, b *breaker) {
	w.flow = q.flowFor(w.name.Namespace, b)
	w.flow.heaps[w.priority.kindInQueue()].update(w, true)
	q.update(w.flow, w.priority.kindInQueue())
}

func (q *queue) remove(w *waiter) {
	f := w.flow
	w.flow = nil
	f.heaps[w.priority.kindInQueue()].update(w, false)
	q.update(f, w.priority.kindInQueue())
	if f.empty() {
		q.drop(f)
	}
}

// update repairs the tournament after the flow's neediest of the kind may have changed.
func (q *queue) update(f *flow, k kind) {
	n := f.namespace
	n.heaps[k].update(f, f.best(k) != nil)
	q.root.heaps[k].update(n, n.best(k) != nil)
	if in := !n.empty(); in != (n.ringIndex > 0) {
		q.ring.update(n, in)
	}
}

func (q *queue) flowFor(name string, b *breaker) *flow {
	id := flowID{q, name}
	if f, ok := b.flows[id]; ok {
		return f
	}
	n, ok := q.namespaces[name]
	if !ok {
		n = &namespace{group: q.newGroup(), queue: q, name: name}
		q.toBack(n)
		q.namespaces[name] = n
	}
	n.flows++
	f := &flow{group: q.newGroup(), namespace: n, breaker: b, held: b.held}
	b.flows[id] = f
	return f
}

// drop forgets a flow in which nobody waits, and its namespace with the last one.
func (q *queue) drop(f *flow) {
	n := f.namespace
	delete(f.breaker.flows, flowID{q, n.name})
	if n.flows--; n.flows == 0 {
		delete(q.namespaces, n.name)
	}
}

// best returns nil while the flow's key is held.
func (f *flow) best(k kind) *waiter {
	if f.held {
		return nil
	}
	return f.group.best(k)
}

// hold takes the flow out of the tournament, or puts it back.
func (f *flow) hold(held bool) {
	f.held = held
	for k := range kinds {
		f.namespace.queue.update(f, k)
	}
}

// waiters returns all sessions of the flow.
func (f *flow) waiters() (all []*waiter) {
	for k := range f.heaps {
		for _, c := range f.heaps[k].members {
			all = append(all, c.(*waiter)) //nolint:forcetypeassert // a flow holds nothing else
		}
	}
	return all
}
