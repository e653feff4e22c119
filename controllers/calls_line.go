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

type keptPlace struct {
	group *callGroup
	place place
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
	if len(g.blocked) > 0 {
		c.occupy(g, p, now)
		g.blocked[0] <- p
		g.blocked = g.blocked[1:]
		return session, false
	}
	session, _ = g.waiting.next()
	if _, ok := c.kept[session]; ok {
		return session, false // it is woken already, for another call
	}
	c.occupy(g, p, now)
	c.kept[session] = keptPlace{g, p}
	return session, true
}

// nextInLine is the group that has the next place, and which one; nil if there is none. The caller
// holds the lock.
func (c *calls) nextInLine(now time.Time) (next *callGroup, _ place) {
	least := math.Inf(1)
	for _, g := range c.line {
		if g.mayUseOwn(now) {
			return g, ownPlace
		}
		if weight := g.weight(now); c.free > 0 && weight < least {
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
func (c *calls) occupy(g *callGroup, p place, now time.Time) {
	if p == ownPlace {
		g.hasOwn = true
	} else {
		c.free--
	}
	g.hold(1, now)
}

// vacate gives back a place of the group. The caller holds the lock.
func (c *calls) vacate(g *callGroup, p place, now time.Time) {
	if p == ownPlace {
		g.hasOwn = false
	} else {
		c.free++
	}
	if g.hold(-1, now); g.isOver(now) {
		delete(c.groups, g.name)
	}
}
