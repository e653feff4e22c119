package dispatch

// flow is the sessions in one namespace that wait for one key.
type flow struct {
	group
	namespace *namespace
	lane      *lane
	// place is the namespace's. A heap is in order again only if one member at a time has
	// changed.
	place uint64
	// inNamespace and inLane are its indices in the heaps of both plus one; zero while it is
	// out of them.
	inNamespace [kinds]int
	inLane      int
}

// lane is the flows of one key.
type lane struct {
	group // of all its flows
	queue *queue
	// breaker is the key's.
	breaker     *breaker
	byNamespace map[string]*flow
	// flows are those of namespaces that do not have many, in the order of their places.
	flows indexedHeap[*flow]
	// index is its index among the queue's lanes plus one; zero while it is out of them.
	index int
}

// namespace is what waits in a namespace. It takes its place in the round once for each of
// its keys, in their lanes. One with more keys than can be held takes it by itself, as each
// turn would otherwise cost as much as it has keys.
type namespace struct {
	name  string
	heaps [kinds]indexedHeap[contender] // of flows, also those whose keys are held
	flows map[*flow]struct{}
	turns turns
	place uint64
	// inMany is its index among those with many flows plus one; zero while it is not there.
	inMany int
}

func (q *queue) newNamespace(name string) *namespace {
	n := &namespace{name: name, flows: map[*flow]struct{}{}}
	for k := range kinds {
		n.heaps[k].ordering = q.orderings.flows[k]
	}
	return n
}

// next returns the session whose turn it is in the namespace. One must be able to have it.
func (n *namespace) next() *waiter {
	first, second := n.turns.next()
	if f := n.neediest(first, 0); f != nil {
		return f.best(first)
	}
	return n.neediest(second, 0).best(second)
}

// neediest returns the neediest flow whose key is not held, of those in the heap from index
// i on downwards. No more keys can be held than there are slots, so that it looks at few.
func (n *namespace) neediest(k kind, i int) *flow {
	h := &n.heaps[k]
	if i >= h.Len() {
		return nil
	}
	f := h.members[i].(*flow) //nolint:forcetypeassert // a namespace holds nothing else
	if !f.lane.breaker.held {
		return f
	}
	left, right := n.neediest(k, 2*i+1), n.neediest(k, 2*i+2)
	if left == nil || right != nil && h.less(right, left) {
		return right
	}
	return left
}

// first returns the first namespace in the round of those in the lane.
func (l *lane) first() *namespace { return l.flows.members[0].namespace }

// compete repairs the tournament after the lane's neediest of the kind may have changed, or
// its key is held or not any more.
func (l *lane) compete(k kind) { l.queue.root.heaps[k].update(l, !l.breaker.held && l.best(k) != nil) }

// place puts the flow in its namespace's place in the round, or takes it out.
func (l *lane) place(f *flow, in bool) {
	f.place = f.namespace.place
	l.flows.update(f, in)
	l.takePart()
}

// takePart lets the lane take part in the round unless its key is held.
func (l *lane) takePart() { l.queue.lanes.update(l, !l.breaker.held && l.flows.Len() > 0) }

// hold takes the lane out of tournament and round, or puts it back.
func (l *lane) hold() {
	for k := range kinds {
		l.compete(k)
	}
	l.takePart()
}

// waiters returns all sessions of the lane.
func (l *lane) waiters() (all []*waiter) {
	for _, f := range l.byNamespace {
		for k := range f.heaps {
			for _, c := range f.heaps[k].members {
				all = append(all, c.(*waiter)) //nolint:forcetypeassert // a flow holds nothing else
			}
		}
	}
	return all
}

func (q *queue) laneFor(b *breaker) *lane {
	l, ok := b.lanes[q]
	if !ok {
		l = &lane{group: newGroup(q.orderings.contenders), queue: q, breaker: b, byNamespace: map[string]*flow{}}
		l.flows.ordering = q.orderings.inLane
		b.lanes[q] = l
	}
	return l
}

func (q *queue) flowFor(name string, b *breaker) *flow {
	l := q.laneFor(b)
	if f, ok := l.byNamespace[name]; ok {
		return f
	}
	n, ok := q.namespaces[name]
	if !ok {
		n = q.newNamespace(name)
		q.toBack(n)
		q.namespaces[name] = n
	}
	f := &flow{group: newGroup(q.orderings.contenders), namespace: n, lane: l}
	l.byNamespace[name], n.flows[f] = f, struct{}{}
	switch many := len(n.flows) > q.maxFlows; {
	case !many:
		l.place(f, true)
	case n.inMany == 0:
		q.setMany(n, true)
	}
	return f
}

// drop forgets a flow in which nobody waits, its lane and its namespace with the last one.
func (q *queue) drop(f *flow) {
	n, l := f.namespace, f.lane
	if f.inLane > 0 {
		l.place(f, false)
	}
	delete(l.byNamespace, n.name)
	delete(n.flows, f)
	if n.inMany > 0 && len(n.flows) <= q.maxFlows {
		q.setMany(n, false)
	}
	if len(l.byNamespace) == 0 {
		delete(l.breaker.lanes, q)
	}
	if len(n.flows) == 0 {
		delete(q.namespaces, n.name)
	}
}

// setMany moves the namespace between the lanes and those with many flows.
func (q *queue) setMany(n *namespace, many bool) {
	for f := range n.flows {
		if many != (f.inLane == 0) {
			f.lane.place(f, !many)
		}
	}
	q.many.update(n, many)
}
