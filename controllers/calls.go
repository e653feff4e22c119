package controllers

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// busyError says that a call was not begun because others are still under way.
type busyError struct{ group groupName }

// Error implements error.
func (busyError) Error() string { return "too many calls are under way" }

// isBusy reports whether a call was not begun because others are still under way.
func isBusy(err error) bool {
	_, ok := errors.AsType[busyError](err)
	return ok
}

// calls limits how many calls to the API server are under way at once. When some take long,
// because a webhook or a part of the API server hangs, they would otherwise hold all workers,
// and no session would be served. One webhook often reviews the objects of many namespaces.
//
// Each call has a place while it is under way. Each group that is not slow has a place of its own.
// All other places are shared. A shared place that becomes free goes to the group that has held the
// fewest lately. Otherwise a group whose calls take a second would stand behind hundreds whose
// calls take ten.
type calls struct {
	wake  func(types.NamespacedName)
	clock clock.PassiveClock

	mu sync.Mutex
	// free counts the shared places that nobody has. While there is one, nobody waits.
	free   int
	groups map[groupName]*callGroup
	// line is the groups that want a place, in the order of coming.
	line []*callGroup
	// waits are the groups in whose queues sessions are. A session is in one at most, and in none
	// during its pass.
	waits map[types.NamespacedName]*callGroup
	// wants are the calls that could not begin in passes that are under way.
	wants map[types.NamespacedName]groupName
	// kept are the places of sessions that were woken, until their passes have ended.
	kept  map[types.NamespacedName]*lease
	swept time.Time
}

// caller is the pass that makes a call.
type caller struct {
	session types.NamespacedName
	// stop is closed when the process stops.
	stop <-chan struct{}
}

type callerKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// newCalls leaves the workers beyond that many places to the groups that are not slow.
func newCalls(places int, clock clock.PassiveClock, wake func(types.NamespacedName)) *calls {
	return &calls{
		wake: wake, clock: clock, free: places,
		groups: map[groupName]*callGroup{}, waits: map[types.NamespacedName]*callGroup{},
		wants: map[types.NamespacedName]groupName{}, kept: map[types.NamespacedName]*lease{},
	}
}

// do makes a call, or returns a busyError if too many stay under way.
func (c *calls) do(ctx context.Context, name groupName, call func() error) error {
	caller := callerOf(ctx)
	if isClosed(caller.stop) {
		return call() // nobody comes back for what is not done now
	}
	g, taken := c.begin(ctx, name, caller)
	switch {
	case taken == nil && isClosed(caller.stop):
		return call()
	case taken == nil:
		return busyError{name}
	}
	begun := c.clock.Now()
	defer func() { c.end(g, taken, c.clock.Since(begun) >= minSlow) }() // also after a panic
	return call()
}

// begin takes a place for a call of the group. It waits a little for one, as another pass over the
// session costs more.
func (c *calls) begin(ctx context.Context, name groupName, caller caller) (*callGroup, *lease) {
	g, taken, handed := c.take(name, caller.session)
	if handed == nil {
		return g, taken
	}
	wait, cancel := context.WithTimeout(ctx, minSlow)
	defer cancel()
	select {
	case taken = <-handed:
		return g, taken
	case <-wait.Done():
	case <-caller.stop:
	}
	return g, c.giveUp(ctx, g, handed)
}

// take takes the place that is kept for the session, or one that nobody has. If there is none
// and the worker may wait, one is handed to it.
func (c *calls) take(name groupName, session types.NamespacedName) (_ *callGroup, _ *lease, handed chan *lease) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep()
	g, now := c.group(name), c.clock.Now()
	if kept := c.takeKept(g, session); kept != nil {
		return g, kept, nil
	}
	if place := c.freePlace(g, now); place != noPlace {
		return g, c.occupy(g, place, now), nil
	}
	if !g.mayBlock(now) {
		g.refuse(now)
		return g, nil, nil
	}
	handed = make(chan *lease, 1)
	c.join(g)
	g.blocked = append(g.blocked, handed)
	return g, nil, handed
}

// giveUp ends the waiting of a worker, unless it has just been handed a place.
func (c *calls) giveUp(ctx context.Context, g *callGroup, handed chan *lease) *lease {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(g.blocked, handed)
	if i < 0 {
		return <-handed
	}
	g.blocked = slices.Delete(g.blocked, i, i+1)
	if ctx.Err() == nil {
		g.refuse(c.clock.Now())
	}
	return nil
}

// end gives back the place of a call of the group.
func (c *calls) end(g *callGroup, l *lease, isSlow bool) {
	c.mu.Lock()
	now := c.clock.Now()
	g.note(isSlow, now)
	if l.isKept {
		l.isUsed = false
	} else {
		c.vacate(l, now)
	}
	woken := c.handOut(now)
	c.mu.Unlock()
	c.wakeAll(woken)
}

// passBegins says that a pass over the session begins. It need not be woken meanwhile.
func (c *calls) passBegins(session types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g, ok := c.waits[session]; ok {
		delete(c.waits, session)
		g.waiting.remove(session)
	}
}

// wait has the session woken after its pass, when a call of the group can be begun.
func (c *calls) wait(session types.NamespacedName, name groupName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wants[session] = name
}

// release gives back the place that is kept for the session: its pass makes no call for a while.
func (c *calls) release(session types.NamespacedName) {
	c.mu.Lock()
	woken := c.releaseKept(session)
	c.mu.Unlock()
	c.wakeAll(woken)
}

// passEnds says that the pass over the session has ended.
func (c *calls) passEnds(session types.NamespacedName) {
	c.mu.Lock()
	if name, ok := c.wants[session]; ok {
		delete(c.wants, session)
		g := c.group(name)
		c.join(g)
		g.waiting.add(session)
		c.waits[session] = g
	}
	woken := c.releaseKept(session)
	c.mu.Unlock()
	c.wakeAll(woken)
}

// wakeAll wakes sessions. The caller does not hold the lock.
func (c *calls) wakeAll(sessions []types.NamespacedName) {
	for _, session := range sessions {
		c.wake(session)
	}
}

// group is the group of that name. The caller holds the lock.
func (c *calls) group(name groupName) *callGroup {
	g, ok := c.groups[name]
	if !ok {
		g = &callGroup{name: name}
		c.groups[name] = g
	}
	return g
}

// sweep forgets the groups that were slow once and were not used since: their namespaces may
// be gone. The caller holds the lock.
func (c *calls) sweep() {
	now := c.clock.Now()
	if now.Sub(c.swept) < slowFor {
		return
	}
	c.swept = now
	maps.DeleteFunc(c.groups, func(_ groupName, g *callGroup) bool { return g.isOver(now) })
}
