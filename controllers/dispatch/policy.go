package dispatch

import (
	"cmp"
	"slices"
)

// policy gives the turns of one class by need and by fairness in alternation. It keeps no
// order of those that wait: it looks at all candidates for each turn. These are the sessions
// that could have it, so those whose keys are held take no part and lose no place.
type policy struct {
	byNeed turns
	// fair reports whether the next turn goes by fairness.
	fair bool
	// namespaces are those in which any session of the class waits.
	namespaces map[string]*namespace
	// places is the last place in the round that was given out.
	places uint64
	// hand is the place of the namespace that had the last turn by fairness. A candidate's
	// namespace before it was passed over, as its key was held.
	hand uint64
}

// namespace is one that waits.
type namespace struct {
	waiting int
	place   uint64 // in the round
	turns   turns
}

// enter counts one more session that waits in the namespace. With its first one a namespace
// takes the last place in the round.
func (p *policy) enter(name string) *namespace {
	n, ok := p.namespaces[name]
	if !ok {
		n = &namespace{}
		p.toBack(n)
		p.namespaces[name] = n
	}
	n.waiting++
	return n
}

func (p *policy) leave(name string) {
	n := p.namespaces[name]
	if n.waiting--; n.waiting == 0 {
		delete(p.namespaces, name)
	}
}

// next returns the candidate whose turn it is. It may leave the slice in any state. For a
// namespace that waits alone need and fairness are the same.
func (p *policy) next(candidates []*waiter) *waiter {
	first := firstOf(candidates)
	if !slices.ContainsFunc(candidates, func(w *waiter) bool { return w.namespace != first }) {
		return p.byNeed.next(candidates)
	}
	byFairness := p.fair
	p.fair = !p.fair
	if byFairness {
		p.hand = first.place
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
func firstOf(candidates []*waiter) *namespace {
	first := candidates[0].namespace
	for _, w := range candidates {
		if w.namespace.place < first.place {
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

func (p *policy) toBack(n *namespace) {
	p.places++
	n.place = p.places
}

// passedOver returns the first namespace with the key that the round passed over, as the key
// was held. Of two turns by need with one key it has one. Otherwise a key that comes free in
// step with other requests, always for a turn by need, would be held at every turn by
// fairness, and all but its neediest namespace would never have any.
func (p *policy) passedOver(key *breaker, candidates []*waiter) (first *namespace) {
	before := p.hand
	for _, w := range candidates {
		if w.breaker == key && w.namespace.place < before {
			first, before = w.namespace, w.namespace.place
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
