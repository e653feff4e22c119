package dispatch

import (
	"cmp"
	"slices"
)

// policy gives the turns of one class by need and by fairness in alternation. It keeps no
// order of those that wait: it looks at all candidates for each turn. These are the sessions
// that could have it, so those whose keys are held take no part and lose no place.
type policy struct {
	class  class
	byNeed turns
	// fair reports whether the next turn goes by fairness.
	fair bool
	// places is the last place in the round that was given out.
	places uint64
	// hand is the place of the namespace that had the last turn by fairness. A candidate's
	// namespace before it was passed over, as its key was held.
	hand uint64
}

// next returns the candidate whose turn it is. It may leave the slice in any state. For a
// namespace that waits alone need and fairness are the same.
func (p *policy) next(candidates []*waiter) *waiter {
	first := p.firstOf(candidates)
	if !slices.ContainsFunc(candidates, func(w *waiter) bool { return w.namespace != first }) {
		return p.byNeed.next(candidates)
	}
	byFairness := p.fair
	p.fair = !p.fair
	if byFairness {
		p.hand = p.place(first)
		return p.nextOf(first, candidates)
	}
	w := p.byNeed.next(candidates)
	if n := p.passedOver(w.breaker, candidates); n != nil && w.breaker.servedByNeed {
		return p.nextOf(n, candidates)
	}
	w.breaker.servedByNeed = true
	return w
}

// firstOf returns the first namespace in the round.
func (p *policy) firstOf(candidates []*waiter) *namespace {
	first := candidates[0].namespace
	for _, w := range candidates {
		if p.place(w.namespace) < p.place(first) {
			first = w.namespace
		}
	}
	return first
}

// nextOf gives the namespace a turn and puts it behind all others.
func (p *policy) nextOf(n *namespace, candidates []*waiter) *waiter {
	p.toBack(n)
	w := n.turns.next(slices.DeleteFunc(candidates, func(w *waiter) bool { return w.namespace != n }))
	w.breaker.servedByNeed = false
	return w
}

func (p *policy) place(n *namespace) uint64 { return n.places[p.class] }

func (p *policy) toBack(n *namespace) {
	p.places++
	n.places[p.class] = p.places
}

// passedOver returns the first namespace with the key that the round passed over, as the key
// was held. Of two turns by need with one key it has one. Otherwise a key that comes free in
// step with other requests, always for a turn by need, would be held at every turn by
// fairness, and all but its neediest namespace would never have any.
func (p *policy) passedOver(key *breaker, candidates []*waiter) (first *namespace) {
	before := p.hand
	for _, w := range candidates {
		if w.breaker == key && p.place(w.namespace) < before {
			first, before = w.namespace, p.place(w.namespace)
		}
	}
	return first
}

// firstIssueEvery is which turn goes to a first issue while there are renewals too.
const firstIssueEvery = 10

// turns counts those that were given by need.
type turns uint64

// next returns the neediest session of the kind whose turn it is: nine of ten turns go to
// renewals, one of ten to a first issue, and none is lost while the other kind waits.
func (t *turns) next(candidates []*waiter) *waiter {
	var neediest [kinds]*waiter
	for _, w := range candidates {
		if best := neediest[w.priority.kind]; best == nil || w.isNeedierThan(best) {
			neediest[w.priority.kind] = w
		}
	}
	first, second := renewal, firstIssue
	if *t%firstIssueEvery == firstIssueEvery-1 {
		first, second = second, first
	}
	*t++
	return cmp.Or(neediest[first], neediest[second], neediest[requested])
}
