package dispatch

import (
	"container/heap"
	"slices"
)

// contender takes part in a tournament of the sessions of each kind.
type contender interface {
	// best returns its neediest session of the kind, nil if none may go.
	best(kind) *waiter
	// indexOf returns where its index in its pile of the kind is kept.
	indexOf(kind) *int
}

func (w *waiter) best(kind) *waiter { return w }
func (w *waiter) indexOf(kind) *int { return &w.index }

// group is contenders that are one contender among others.
type group struct {
	piles   [kinds]pile[contender]
	indices [kinds]int
	// turns counts those that were given by need.
	turns uint64
}

func (q *queue) newGroup() (g group) {
	for k := range kinds {
		g.piles[k].ordering = q.order[k]
	}
	return g
}

func (g *group) empty() bool { return g.piles[firstIssue].Len()+g.piles[renewal].Len() == 0 }

func (g *group) indexOf(k kind) *int { return &g.indices[k] }

func (g *group) best(k kind) *waiter {
	if g.piles[k].Len() == 0 {
		return nil
	}
	return g.piles[k].members[0].best(k)
}

// next returns the session whose turn it is by need: nine of ten turns go to
// renewals, one of ten to a first issue, and none is lost while the other kind waits.
func (g *group) next() *waiter {
	first, second := renewal, firstIssue
	if g.turns%firstIssueEvery == firstIssueEvery-1 {
		first, second = second, first
	}
	g.turns++
	if w := g.best(first); w != nil {
		return w
	}
	return g.best(second)
}

// pile is a heap whose members know their index, so that they can be moved and
// taken out.
type pile[M any] struct {
	members []M
	ordering[M]
}

type ordering[M any] struct {
	less func(a, b M) bool
	// index returns where a member keeps its index plus one; zero while it is out.
	index func(M) *int
}

// update puts m where it belongs, or takes it out.
func (p *pile[M]) update(m M, in bool) {
	switch i := *p.index(m) - 1; {
	case in && i < 0:
		heap.Push(p, m)
	case in:
		heap.Fix(p, i)
	case i >= 0:
		heap.Remove(p, i)
	}
}

func (p *pile[M]) Len() int           { return len(p.members) }
func (p *pile[M]) Less(i, j int) bool { return p.less(p.members[i], p.members[j]) }

func (p *pile[M]) Swap(i, j int) {
	p.members[i], p.members[j] = p.members[j], p.members[i]
	*p.index(p.members[i]), *p.index(p.members[j]) = i+1, j+1
}

// Push is called by package heap.
func (p *pile[M]) Push(x any) {
	m := x.(M) //nolint:forcetypeassert // only members are pushed
	p.members = append(p.members, m)
	*p.index(m) = len(p.members)
}

// Pop is called by package heap.
func (p *pile[M]) Pop() any {
	last := len(p.members) - 1
	m := p.members[last]
	p.members = slices.Delete(p.members, last, last+1) // clears what it held
	*p.index(m) = 0
	return m
}
