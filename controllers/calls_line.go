package controllers

import (
	"math"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// place is what a call has while it is under way.
type place int

const (
	noPlace place = iota
	// ownPlace is that of a group that is not slow: one call of it can be made whatever others do.
	ownPlace
	sharedPlace
)

// lease is a place that a call or a pass has.
type lease struct {
	// group is whose it counts as.
	group *callGroup
	place place
	// isKept tells that a pass has it, which may make several calls, of other groups as well.
	isKept bool
	// isUsed tells that such a call is under way.
	isUsed bool
}

// join puts the group in the line. The caller holds the lock.
func (c *calls) join(g *callGroup) {
	if !slices.Contains(c.line, g) {
		c.line = append(c.line, g)
	}
}

// handOut hands out the places that are free, until there is none or nobody wants one. It returns
// the sessions that are to be woken. The caller holds the lock.
func (c *calls) handOut(now time.Time) (woken []types.NamespacedName) {
	for {
		c.line = slices.DeleteFunc(c.line, func(g *callGroup) bool { return !g.wantsPlace() })
		g, place := c.nextInLine(now)
		if g == nil {
			return woken
		}
		if session, ok := c.hand(g, place, now); ok {
			woken = append(woken, session)
		}
	}
}

// hand hands a place to a worker of the group that waits for one, or keeps it for a session, which
// is to be woken. The caller holds the lock.
func (c *calls) hand(g *callGroup, p place, now time.Time) (session types.NamespacedName, isWoken bool) {
	l := c.occupy(g, p, now)
	if len(g.blocked) > 0 {
		g.blocked[0] <- l
		g.blocked = g.blocked[1:]
		return session, false
	}
	session, _ = g.waiting.next()
	delete(c.waits, session)
	l.isKept = true
	c.kept[session] = l
	return session, true
}

// takeKept takes the place that is kept for the session. A shared one serves each call of its pass:
// one that reads and writes would otherwise lose it between the two, and begin anew for ever. A
// group's own is for one call of that group. The caller holds the lock.
func (c *calls) takeKept(g *callGroup, session types.NamespacedName) *lease {
	l := c.kept[session]
	switch {
	case l == nil, l.isUsed:
		return nil
	case l.place == sharedPlace:
		l.isUsed = true
		return l
	case l.group == g:
		delete(c.kept, session)
		l.isKept = false
		return l
	default:
		return nil
	}
}

// releaseKept gives back the place that is kept for the session, and hands out what is free. The
// caller holds the lock.
func (c *calls) releaseKept(session types.NamespacedName) (woken []types.NamespacedName) {
	now := c.clock.Now()
	if l := c.kept[session]; l != nil {
		delete(c.kept, session)
		c.vacate(l, now)
	}
	return c.handOut(now)
}

// nextInLine is the group that has the next place, and which one; nil if there is none. The caller
// holds the lock.
func (c *calls) nextInLine(now time.Time) (next *callGroup, _ place) {
	least := math.Inf(1)
	for _, g := range c.line {
		if g.mayUseOwn(now) {
			return g, ownPlace
		}
		if c.free == 0 {
			continue
		}
		if weight := g.weight(now); weight < least {
			next, least = g, weight
		}
	}
	return next, sharedPlace
}

// freePlace is a place for a call of the group that nobody has. The caller holds the lock.
func (c *calls) freePlace(g *callGroup, now time.Time) place {
	switch {
	case g.mayUseOwn(now):
		return ownPlace
	case c.free > 0:
		return sharedPlace
	default:
		return noPlace
	}
}

// occupy takes a place for the group. The caller holds the lock.
func (c *calls) occupy(g *callGroup, p place, now time.Time) *lease {
	if p == ownPlace {
		g.hasOwn = true
	} else {
		c.free--
	}
	g.hold(1, now)
	return &lease{group: g, place: p}
}

// vacate gives back a place. The caller holds the lock.
func (c *calls) vacate(l *lease, now time.Time) {
	g := l.group
	if l.place == ownPlace {
		g.hasOwn = false
	} else {
		c.free++
	}
	if g.hold(-1, now); g.isOver(now) {
		delete(c.groups, g.name)
	}
}
