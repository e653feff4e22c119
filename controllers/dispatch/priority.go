package dispatch

import "time"

// kind is what a session waits for.
type kind int

const (
	firstIssue kind = iota // it has no URL that is alive
	renewal                // it has one, which can still be replaced in time
	requested              // a person asked; nothing is due
	kinds
)

// Priority is a session's place among those that wait.
type Priority struct {
	kind  kind
	order time.Time // the earliest goes first: a deadline, or the start of a wait
}

// Renewal is the priority of a session whose URL is alive. After the deadline a
// request cannot save the URL any more, and the session is woken to decide anew.
func Renewal(deadline time.Time) Priority { return Priority{renewal, deadline} }

// FirstIssue is the priority of a session that has no URL which is alive. It has
// waited since the latest of its creation, its last attempt and the last URL's expiry.
func FirstIssue(since time.Time) Priority { return Priority{firstIssue, since} }

// Requested is the priority of a session that a person asked a fresh URL for while
// nothing is due.
func Requested(since time.Time) Priority { return Priority{requested, since} }

// class tells the sessions that are due from those that a person only asked for.
type class int

const (
	due class = iota
	onlyRequested
	classes
)

func (p Priority) class() class {
	if p.kind == requested {
		return onlyRequested
	}
	return due
}

// hasExpired reports whether the session waited as a renewal until its URL could not be
// saved any more.
func (p Priority) hasExpired(now time.Time) bool { return p.kind == renewal && !now.Before(p.order) }
