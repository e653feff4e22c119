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

const (
	// minSlow is how long a slow call takes at least. Who waits for as long for others to end
	// knows that they are slow.
	minSlow = time.Second
	// slowFor is how long a group counts as slow after a slow call. A session whose write
	// failed tries again within a minute, and that may take another one.
	slowFor = maxWriteRetry + maxPass
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
// One call of each group is begun whatever the others do. All further ones share three quarters
// of the workers, and so do all calls of the groups that are slow. Of those, the one that holds the
// fewest places has the next: a group whose calls take a second must not stand behind hundreds
// that take ten seconds each.
type calls struct {
	wake  func(types.NamespacedName)
	clock clock.PassiveClock
	// shared has an element for each call under way that is not its group's own.
	shared chan struct{}

	mu     sync.Mutex
	groups map[groupName]*callGroup
	// line is the groups of which sessions wait, in the order in which one of each is woken.
	line  []*callGroup
	swept time.Time
}

// groupName is what calls have in common that are slow together. Where a webhook for Secrets
// hangs, statuses can still be written.
type groupName struct {
	namespace string
	kind      callKind
}

type callKind int

const (
	readCall callKind = iota
	secretWrite
	statusWrite
)

// callGroup is the calls of a kind in a namespace.
type callGroup struct {
	// own has an element while a call is under way that is not one of the shared ones.
	own chan struct{}
	// users counts the calls that are under way or wait to begin.
	users int
	// waiting are the sessions whose calls were not begun.
	waiting sessionQueue
	// sharing counts the calls under way that were begun while the group was slow.
	sharing int
	// wokenAt is when a session was woken that has not begun its call yet.
	wokenAt time.Time
	// slowAt is when a call was slow, or could not begin because others were; zero when one
	// has ended soon since.
	slowAt time.Time
}

// newCalls leaves a quarter of the workers to the groups that are not slow.
func newCalls(workers int, clock clock.PassiveClock, wake func(types.NamespacedName)) *calls {
	return &calls{
		wake: wake, clock: clock,
		shared: make(chan struct{}, max(workers-max(workers/4, 1), 1)), groups: map[groupName]*callGroup{},
	}
}

// do makes a call, or returns a busyError if too many stay under way.
func (c *calls) do(ctx context.Context, name groupName, call func() error) error {
	g, isSlow := c.enter(name)
	defer c.leave(name, g)
	end, ok := c.begin(ctx, g, isSlow)
	if !ok {
		return busyError{name}
	}
	begun := c.clock.Now()
	defer func() { // also after a panic
		end()
		c.note(g, c.clock.Since(begun) >= minSlow)
	}()
	return call()
}

func (c *calls) enter(name groupName) (g *callGroup, isSlow bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep()
	g = c.group(name)
	g.users++
	return g, g.isSlow(c.clock.Now())
}

// group is the group of that name. The caller holds the lock.
func (c *calls) group(name groupName) *callGroup {
	g, ok := c.groups[name]
	if !ok {
		g = &callGroup{own: make(chan struct{}, 1)}
		c.groups[name] = g
	}
	return g
}

func (c *calls) leave(name groupName, g *callGroup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g.users--; g.isOver(c.clock.Now()) {
		delete(c.groups, name)
	}
}

// note notes whether the group is slow.
func (c *calls) note(g *callGroup, isSlow bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g.slowAt = time.Time{}
	if isSlow {
		g.slowAt = c.clock.Now()
	}
}

// isSlow reports whether the group counts as slow.
func (g *callGroup) isSlow(now time.Time) bool {
	return !g.slowAt.IsZero() && now.Sub(g.slowAt).Abs() < slowFor
}

// wantsPlace reports whether a session waits for a call, or is about to begin it. One that was
// woken may have found that it needs none.
func (g *callGroup) wantsPlace(now time.Time) bool {
	return g.waiting.len() > 0 || now.Sub(g.wokenAt).Abs() < minSlow
}

// isOver reports whether nothing has to be remembered of the group.
func (g *callGroup) isOver(now time.Time) bool {
	return g.users == 0 && g.waiting.len() == 0 && !g.isSlow(now)
}

// sweep forgets the groups that were slow once and were not used since: their namespaces may
// be gone. The caller holds the lock.
func (c *calls) sweep() {
	now := c.clock.Now()
	if now.Sub(c.swept).Abs() < slowFor {
		return
	}
	c.swept = now
	maps.DeleteFunc(c.groups, func(_ groupName, g *callGroup) bool { return g.isOver(now) })
}

// begin reports whether a call may be made. Then end must be called after it. It waits a
// little, as another pass over the session costs more, but not in a slow group: each that
// waits holds a worker meanwhile.
func (c *calls) begin(ctx context.Context, g *callGroup, isSlow bool) (end func(), ok bool) {
	if isSlow {
		end, ok = c.enterShare(g)
	} else if end, ok = enterNow(g.own, c.shared); !ok {
		end, ok = enterWithin(ctx, minSlow, g.own, c.shared)
	}
	if !ok && ctx.Err() == nil {
		c.note(g, true)
	}
	return end, ok
}

// enterShare takes a shared place for a slow group, unless another one that has fewer wants it.
func (c *calls) enterShare(g *callGroup) (leave func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g.sharing > c.fewest(c.clock.Now()) {
		return nil, false
	}
	end, ok := enterNow(nil, c.shared)
	if !ok {
		return nil, false
	}
	g.sharing++
	g.wokenAt = time.Time{}
	return func() {
		end()
		c.mu.Lock()
		defer c.mu.Unlock()
		g.sharing--
	}, true
}

// fewest is how many shared places the slow group holds that wants one and has the fewest. The
// others need none kept for them: each has its own. The caller holds the lock.
func (c *calls) fewest(now time.Time) int {
	fewest := cap(c.shared)
	for _, g := range c.groups {
		if g.isSlow(now) && g.wantsPlace(now) {
			fewest = min(fewest, g.sharing)
		}
	}
	return fewest
}

// wait has the session woken when a call of the group can be begun.
func (c *calls) wait(session types.NamespacedName, name groupName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.group(name)
	if g.waiting.len() == 0 {
		c.line = append(c.line, g)
	}
	g.waiting.add(session)
}

// wakeNext wakes the next session that waits and whose call can be begun.
func (c *calls) wakeNext() {
	if session, ok := c.next(); ok {
		c.wake(session)
	}
}

// next takes out the session that came first, of the group whose turn it is.
func (c *calls) next() (session types.NamespacedName, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.line) == 0 {
		return session, false
	}
	now := c.clock.Now()
	fewest, hasRoom := c.fewest(now), len(c.shared) < cap(c.shared)
	i := slices.IndexFunc(c.line, func(g *callGroup) bool {
		if g.isSlow(now) {
			return hasRoom && g.sharing <= fewest
		}
		return hasRoom || len(g.own) == 0
	})
	if i < 0 {
		return session, false
	}
	g := c.line[i]
	c.line = slices.Delete(c.line, i, i+1)
	session, ok = g.waiting.next()
	g.wokenAt = now
	if g.waiting.len() > 0 {
		c.line = append(c.line, g)
	}
	return session, ok
}

// enterNow takes a place in one of the two if there is one.
func enterNow(own, shared chan struct{}) (leave func(), ok bool) {
	select {
	case own <- struct{}{}: // never if it is nil
		return func() { <-own }, true
	default:
	}
	select {
	case shared <- struct{}{}:
		return func() { <-shared }, true
	default:
		return nil, false
	}
}

// enterWithin waits for a place in one of the two.
func enterWithin(ctx context.Context, longest time.Duration, own, shared chan struct{}) (leave func(), ok bool) {
	wait, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	select {
	case own <- struct{}{}:
		return func() { <-own }, true
	case shared <- struct{}{}:
		return func() { <-shared }, true
	case <-wait.Done():
		return nil, false
	}
}
