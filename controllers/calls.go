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

	"github.com/xtracta/billing-operator/controllers/apikey"
)

// busyError says that a call was not begun because others are still under way.
type busyError struct{ group groupName }

// Error implements error.
func (busyError) Error() string { return "too many calls are under way" }

// isBusy reports whether a call was not begun because others are still under way.
func isBusy(err error) bool {
	_, ok := errors.AsType[busyError](err)
	return ok || errors.Is(err, apikey.ErrBusy)
}

// calls limits how many calls to the API server are under way at once. When some take long,
// because a webhook or a part of the API server hangs, they would otherwise hold all workers,
// and no session would be served. One webhook often reviews the objects of many namespaces.
//
// Each call has a place while it is under way. A group that is not slow has one of its own. All
// others are shared. The next one that becomes free goes to the group that has had the least: one
// whose calls take a second must not stand behind hundreds that take ten seconds each.
type calls struct {
	wake  func(types.NamespacedName)
	clock clock.PassiveClock

	mu sync.Mutex
	// free counts the shared places that nobody has. While there is one, nobody waits.
	free   int
	groups map[groupName]*callGroup
	// line is the groups that want a place, in the order of coming.
	line []*callGroup
	// kept is what is kept for sessions that were woken, until they begin their calls or their
	// passes end without.
	kept  map[types.NamespacedName]keptPlace
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
		groups: map[groupName]*callGroup{}, kept: map[types.NamespacedName]keptPlace{},
	}
}

// do makes a call, or returns a busyError if too many stay under way.
func (c *calls) do(ctx context.Context, name groupName, call func() error) error {
	caller := callerOf(ctx)
	if isClosed(caller.stop) {
		return call() // nobody comes back for what is not done now
	}
	g, place := c.begin(ctx, name, caller.session)
	if place == noPlace {
		return busyError{name}
	}
	begun := c.clock.Now()
	defer func() { c.end(g, place, c.clock.Since(begun) >= minSlow) }() // also after a panic
	return call()
}

// begin takes a place for a call of the group. It waits a little for one, as another pass over the
// session costs more, but not in a slow group: each that waits holds a worker meanwhile.
func (c *calls) begin(ctx context.Context, name groupName, session types.NamespacedName) (*callGroup, place) {
	g, place, handed := c.take(name, session)
	if handed == nil {
		return g, place
	}
	wait, cancel := context.WithTimeout(ctx, minSlow)
	defer cancel()
	select {
	case place = <-handed:
		return g, place
	case <-wait.Done():
		return g, c.giveUp(ctx, g, handed)
	}
}

// take takes the place that is kept for the session, or one that nobody has. If there is none
// and the call can wait, one is handed to it.
func (c *calls) take(name groupName, session types.NamespacedName) (_ *callGroup, _ place, handed chan place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep()
	g, now := c.group(name), c.clock.Now()
	if kept, ok := c.kept[session]; ok && kept.group == g {
		delete(c.kept, session)
		return g, kept.place, nil
	}
	if place := c.freePlace(g, now); place != noPlace {
		c.occupy(g, place, now)
		return g, place, nil
	}
	if g.isSlow(now) {
		g.refuse(now)
		return g, noPlace, nil
	}
	handed = make(chan place, 1)
	c.join(g)
	g.blocked = append(g.blocked, handed)
	return g, noPlace, handed
}

// giveUp ends the waiting of a worker, unless it has just been handed a place.
func (c *calls) giveUp(ctx context.Context, g *callGroup, handed chan place) place {
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
	return noPlace
}

// end gives back the place of a call.
func (c *calls) end(g *callGroup, p place, isSlow bool) {
	c.mu.Lock()
	now := c.clock.Now()
	g.note(isSlow, now)
	c.vacate(g, p, now)
	woken := c.handOut(now)
	c.mu.Unlock()
	c.wakeAll(woken)
}

// wait has the session woken when a call of the group can be begun, but not before its pass has
// ended.
func (c *calls) wait(session types.NamespacedName, name groupName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.group(name)
	c.join(g)
	g.waiting.add(session)
}

// passed says that a pass over the session has ended. A place that was kept for it is free then.
func (c *calls) passed(session types.NamespacedName) {
	c.mu.Lock()
	now := c.clock.Now()
	if kept, ok := c.kept[session]; ok {
		delete(c.kept, session)
		c.vacate(kept.group, kept.place, now)
	}
	woken := c.handOut(now)
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
