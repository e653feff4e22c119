package controllers

import (
	"math"
	"time"
)

const (
	// minSlow is how long a slow call takes at least. Who waits for as long for others to end
	// knows that they are slow.
	minSlow = time.Second
	// slowFor is how long a group counts as slow after a slow call. A session whose write
	// failed tries again within a minute, and that may take another one.
	slowFor = maxWriteRetry + maxPass
	// minQuick is how many calls in a row end soon before a group counts as recovered. Of a
	// webhook with two replicas one may hang, and then every other call is quick.
	minQuick = 20
	// loadTime is over what time loads are averaged.
	loadTime = time.Minute
)

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
	name groupName
	// held counts the places that its calls have, or that are kept for them.
	held int
	// hasOwn tells that one of these is the group's own.
	hasOwn bool
	// load is the average of held until measured.
	load     float64
	measured time.Time

	// blocked are the workers that wait for a place, in the order of coming.
	blocked []chan *lease
	// waiting are the sessions whose calls were not begun.
	waiting sessionQueue

	// slowAt is when a call was slow last; zero when the group has recovered.
	slowAt time.Time
	// refusedAt is when a call could not begin. That may be the fault of other groups.
	refusedAt time.Time
	// quick counts the calls since slowAt that were not slow.
	quick int
}

// hold adds to the places that are held.
func (g *callGroup) hold(places int, now time.Time) {
	g.load, g.measured = g.loadAt(now), now
	g.held += places
}

// loadAt is how many places were held on average, the last minute counting most, as the load
// average of Unix counts processes.
func (g *callGroup) loadAt(now time.Time) float64 {
	share := math.Exp(-now.Sub(g.measured).Seconds() / loadTime.Seconds())
	return g.load*share + float64(g.held)*(1-share)
}

// weight is what a group has had of the places. The one with the least has the next.
func (g *callGroup) weight(now time.Time) float64 { return g.loadAt(now) + float64(g.held) }

// note notes whether a call was slow.
func (g *callGroup) note(isSlow bool, now time.Time) {
	if isSlow {
		g.slowAt, g.quick = now, 0
	} else if g.quick++; g.quick >= minQuick {
		g.slowAt, g.refusedAt = time.Time{}, time.Time{}
	}
}

// refuse notes that a call could not begin. Nobody knows then whether a slow group has recovered.
func (g *callGroup) refuse(now time.Time) {
	if g.refusedAt = now; g.isSlow(now) {
		g.slowAt = now
	}
}

// isSlow reports whether the group counts as slow.
func (g *callGroup) isSlow(now time.Time) bool { return isRecentAt(g.slowAt, now) }

// mayBlock reports whether a worker may wait for a place. Each that waits is lost to the others.
func (g *callGroup) mayBlock(now time.Time) bool {
	return !g.isSlow(now) && !isRecentAt(g.refusedAt, now)
}

func isRecentAt(at, now time.Time) bool { return !at.IsZero() && now.Sub(at) < slowFor }

// mayUseOwn reports whether a call can have the group's own place.
func (g *callGroup) mayUseOwn(now time.Time) bool { return !g.hasOwn && !g.isSlow(now) }

// wantsPlace reports whether a worker or a session waits for one.
func (g *callGroup) wantsPlace() bool { return len(g.blocked) > 0 || g.waiting.len() > 0 }

// isOver reports whether nothing has to be remembered of the group.
func (g *callGroup) isOver(now time.Time) bool {
	return g.held == 0 && !g.wantsPlace() && g.mayBlock(now)
}
