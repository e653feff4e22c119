package dispatch

import (
	"slices"
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
// The sessions of one namespace that wait for one key are a flow. By need it is a
// tournament: the neediest of a flow competes with those of the key's other flows, and the
// winner with those of the other keys. By fairness the namespaces have turns in the order
// of their places, and each gives the turn to the neediest of its flows.
//
// A key that is held takes no part in either. There may be many namespaces in which
// sessions wait for it, so nothing is done for each of them when it begins or ceases to be
// held: its lane leaves the tournament and the round as a whole.
type queue struct {
	root       group // of lanes
	namespaces map[string]*namespace
	// lanes are in the order of the first namespace of each, and the namespaces with many
	// flows are in a heap of their own: see namespace.
	lanes indexedHeap[*lane]
	many  indexedHeap[*namespace]
	// maxFlows is how many flows a namespace in the lanes has at most. More keys than slots
	// cannot be held at once, so that a namespace with more flows always takes part.
	maxFlows int
	// places is the last place that was given out. A namespace keeps its place while
	// its keys are held: otherwise it would go behind all others each time.
	places uint64
	// hand is the place of the namespace that had the last turn by fairness.
	hand uint64
	// fair reports whether the next turn goes by fairness.
	fair      bool
	orderings orderings
}

// orderings are shared by all heaps of a kind.
type orderings struct {
	contenders, flows [kinds]ordering[contender]
	inLane            ordering[*flow]
}

func newQueue(slots int, needier func(a, b *waiter) bool) *queue {
	q := &queue{namespaces: map[string]*namespace{}, maxFlows: slots}
	for k := range kinds {
		less := func(a, b contender) bool { return needier(a.best(k), b.best(k)) }
		q.orderings.contenders[k] = ordering[contender]{less: less, index: func(c contender) *int { return c.indexOf(k) }}
		q.orderings.flows[k] = ordering[contender]{less: less, index: func(c contender) *int {
			return &c.(*flow).inNamespace[k] //nolint:forcetypeassert // a namespace holds nothing else
		}}
	}
	q.orderings.inLane = ordering[*flow]{
		less:  func(a, b *flow) bool { return a.place < b.place },
		index: func(f *flow) *int { return &f.inLane },
	}
	q.lanes.ordering = ordering[*lane]{
		less:  func(a, b *lane) bool { return a.flows.members[0].place < b.flows.members[0].place },
		index: func(l *lane) *int { return &l.index },
	}
	q.many.ordering = ordering[*namespace]{
		less:  func(a, b *namespace) bool { return a.place < b.place },
		index: func(n *namespace) *int { return &n.inMany },
	}
	q.root = newGroup(q.orderings.contenders)
	return q
}

// ready reports whether a session could have a turn.
func (q *queue) ready() bool { return !q.root.empty() }

// next returns the session whose turn it is. While one namespace waits alone, need
// and fairness are the same.
func (q *queue) next() *waiter {
	if q.waitsAlone() {
		return q.root.next()
	}
	byFairness := q.fair
	q.fair = !q.fair
	if byFairness {
		n := q.first()
		q.hand = n.place
		return q.nextOf(n)
	}
	w := q.root.next()
	l := w.flow.lane
	if n := q.passedOver(l); n != nil && l.breaker.servedByNeed {
		return q.nextOf(n)
	}
	l.breaker.servedByNeed = true
	return w
}

// nextOf gives the namespace a turn by fairness.
func (q *queue) nextOf(n *namespace) *waiter {
	q.toBack(n)
	w := n.next()
	w.flow.lane.breaker.servedByNeed = false
	return w
}

// first returns the first namespace in the round that takes part.
func (q *queue) first() (first *namespace) {
	if q.lanes.Len() > 0 {
		first = q.lanes.members[0].first()
	}
	if q.many.Len() > 0 && (first == nil || q.many.members[0].place < first.place) {
		first = q.many.members[0]
	}
	return first
}

// waitsAlone reports whether one namespace alone takes part.
func (q *queue) waitsAlone() bool {
	if q.many.Len() > 0 {
		return q.many.Len() == 1 && q.lanes.Len() == 0
	}
	if q.lanes.Len() > q.maxFlows {
		return false
	}
	first := q.first()
	return !slices.ContainsFunc(q.lanes.members, func(l *lane) bool { return l.flows.Len() > 1 || l.first() != first })
}

// passedOver returns the first namespace with the key that the round passed over, as
// the key was held. Of two turns by need with one key it has one. Otherwise a key
// that comes free in step with other requests, always for a turn by need, would be
// held at every turn by fairness, and the namespace would never have any.
func (q *queue) passedOver(l *lane) *namespace {
	if l.flows.Len() == 0 || l.first().place >= q.hand {
		return nil
	}
	return l.first()
}

// toBack puts n behind all other namespaces.
func (q *queue) toBack(n *namespace) {
	q.places++
	n.place = q.places
	if n.inMany > 0 {
		q.many.update(n, true)
		return
	}
	for f := range n.flows {
		f.lane.place(f, true)
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

// update repairs the tournaments after the flow's neediest of the kind may have changed.
func (q *queue) update(f *flow, k kind) {
	in := f.best(k) != nil
	f.namespace.heaps[k].update(f, in)
	f.lane.heaps[k].update(f, in)
	f.lane.compete(k)
}
