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

	kinds = requested // that one queue tells apart
)

// firstIssueEvery is which turn goes to a first issue while there are renewals too.
const firstIssueEvery = 10

// Priority is a session's place among those that wait.
type Priority struct {
	kind kind
	at   time.Time // the earliest goes first
}

// Renewal is the priority of a session whose URL is alive. After the deadline a
// request cannot save the URL any more, and the session is woken to decide anew.
func Renewal(deadline time.Time) Priority { return Priority{renewal, deadline} }

// FirstIssue is the priority of a session without a URL that is alive, and was not
// asked for since.
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
	flow     *flow  // nil while it is not to have a turn
	index    int
}

// needier reports whether a goes before b, which is of the same kind.
func needier(a, b *waiter) bool {
	if c := a.priority.at.Compare(b.priority.at); c != 0 {
		return c < 0
	}
	return a.arrival < b.arrival
}

// queue gives turns by need and by fairness in alternation. It is a tournament:
// the sessions of one namespace with one key, a flow, compete in a heap for each
// kind; the flows of a namespace do whose keys are not held; and so do the
// namespaces. The winner at the root has the next turn by need. The ring goes round
// the namespaces, of which each gives its winner the turn.
type queue struct {
	root       *group
	namespaces map[string]*namespace
	ring       pile[*namespace]
	// places numbers the places in the ring. A namespace that is held keeps its own.
	places uint64
	// hand is the place that the namespace had which had the last turn of the round.
	hand uint64
	// fair is whether the next turn goes by fairness.
	fair bool
	// order has a comparison for each kind, shared by all piles.
	order [kinds]ordering[contender]
}

// namespace is what waits in a namespace.
type namespace struct {
	group
	queue *queue
	name  string
	flows int
	place uint64
	// ringIndex is its index in the ring.
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
		q.order[k] = ordering[contender]{
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

// passedOver returns the namespace that the round has passed over for longest, as
// the key was held. A key that comes free for turns by need only, in step with
// others, would be held at each turn by fairness: of two turns by need with one key
// such a namespace has one.
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

// toBack lets all namespaces that wait go before n.
func (q *queue) toBack(n *namespace) {
	q.places++
	n.place = q.places
	if n.ringIndex > 0 {
		q.ring.update(n, true)
	}
}

func (q *queue) add(w *waiter, b *breaker) {
	w.flow = q.flowFor(w.name.Namespace, b)
	w.flow.piles[w.priority.kindInQueue()].update(w, true)
	q.update(w.flow, w.priority.kindInQueue())
}

func (q *queue) remove(w *waiter) {
	f := w.flow
	w.flow = nil
	f.piles[w.priority.kindInQueue()].update(w, false)
	q.update(f, w.priority.kindInQueue())
	if f.empty() {
		q.drop(f)
	}
}

// update puts the flow and its namespace where their winners of the kind belong.
func (q *queue) update(f *flow, k kind) {
	n := f.namespace
	n.piles[k].update(f, f.best(k) != nil)
	q.root.piles[k].update(n, n.best(k) != nil)
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

// hold takes the flow out of its namespace's piles, or puts it back.
func (f *flow) hold(held bool) {
	f.held = held
	for k := range kinds {
		f.namespace.queue.update(f, k)
	}
}

// waiters returns all sessions of the flow.
func (f *flow) waiters() (all []*waiter) {
	for k := range f.piles {
		for _, c := range f.piles[k].members {
			all = append(all, c.(*waiter)) //nolint:forcetypeassert // a flow holds nothing else
		}
	}
	return all
}
