package dispatch

import (
	"container/heap"
	"slices"
)

// contender takes part in the tournament: a session, a flow or a lane.
type contender interface {
	// best returns its neediest session of the kind, nil if none may go.
	best(kind) *waiter
	// indexOf returns where its index in the heap of the kind is kept.
	indexOf(kind) *int
}

func (w *waiter) best(kind) *waiter { return w }
func (w *waiter) indexOf(kind) *int { return &w.index }

// group is contenders that compete with other groups through their winner.
type group struct {
	heaps   [kinds]indexedHeap[contender]
	indices [kinds]int
	turns   turns
}

func newGroup(orderings [kinds]ordering[contender]) (g group) {
	for k := range kinds {
		g.heaps[k].ordering = orderings[k]
	}
	return g
}

func (g *group) empty() bool { return g.heaps[firstIssue].Len()+g.heaps[renewal].Len() == 0 }

func (g *group) indexOf(k kind) *int { return &g.indices[k] }

func (g *group) best(k kind) *waiter {
	if g.heaps[k].Len() == 0 {
		return nil
	}
	return g.heaps[k].members[0].best(k)
}

// next returns the session whose turn it is by need.
func (g *group) next() *waiter {
	first, second := g.turns.next()
	if w := g.best(first); w != nil {
		return w
	}
	return g.best(second)
}

// turns counts those that were given by need.
type turns uint64

// next returns whose turn it is, and who has it if there is none of these: nine of ten
// turns go to renewals, one of ten to a first issue, and none is lost while the other kind
// waits.
func (t *turns) next() (first, second kind) {
	first, second = renewal, firstIssue
	if *t%firstIssueEvery == firstIssueEvery-1 {
		first, second = second, first
	}
	*t++
	return first, second
}

// indexedHeap is a heap whose members know their index, so that they can be moved
// and taken out.
type indexedHeap[M any] struct {
	members []M
	ordering[M]
}

type ordering[M any] struct {
	less func(a, b M) bool
	// index returns where a member keeps its index plus one; zero while it is out.
	index func(M) *int
}

// update puts m where it belongs, or takes it out.
func (h *indexedHeap[M]) update(m M, in bool) {
	switch i := *h.index(m) - 1; {
	case in && i < 0:
		heap.Push(h, m)
	case in:
		heap.Fix(h, i)
	case i >= 0:
		heap.Remove(h, i)
	}
}

func (h *indexedHeap[M]) Len() int           { return len(h.members) }
func (h *indexedHeap[M]) Less(i, j int) bool { return h.less(h.members[i], h.members[j]) }

func (h *indexedHeap[M]) Swap(i, j int) {
	h.members[i], h.members[j] = h.members[j], h.members[i]
	*h.index(h.members[i]), *h.index(h.members[j]) = i+1, j+1
}

// Push is called by package heap.
func (h *indexedHeap[M]) Push(x any) {
	m := x.(M) //nolint:forcetypeassert // only members are pushed
	h.members = append(h.members, m)
	*h.index(m) = len(h.members)
}

// Pop is called by package heap.
func (h *indexedHeap[M]) Pop() any {
	last := len(h.members) - 1
	m := h.members[last]
	h.members = slices.Delete(h.members, last, last+1) // clears what it held
	*h.index(m) = 0
	return m
}
