// Package simulation says what becomes of sessions when the endpoint lets fewer
// requests through than are wanted at once, if nothing were known but the order:
// of ten turns nine go to URLs that are alive, what expires first first; one goes
// to sessions that have none, oldest first. It shares no code with the operator,
// has no retries and no pauses, and loses no time: what it says must expire, must.
package simulation

import (
	"container/heap"
	"time"
)

// Session is one that wants a URL once.
type Session struct {
	// Name identifies it in the result.
	Name string
	// Due is when it may ask first.
	Due time.Time
	// Expires is when its URL stops working; zero when it has none.
	Expires time.Time
	// Since is what its age counts from while it has none.
	Since time.Time
}

// Endpoint is how much is let through.
type Endpoint struct {
	// Start is when the first turn is given.
	Start time.Time
	// PerSecond and Burst limit the turns, as a bucket that is full at Start.
	PerSecond float64
	Burst     int
	// From DownFrom until DownUntil turns are taken and do not help: nobody knows
	// when the endpoint is back.
	DownFrom, DownUntil time.Time
}

// Result is what became of the sessions.
type Result struct {
	// Expired is how many URLs stopped working before their session had its turn.
	Expired int
	// Served is when each session had the turn that helped.
	Served map[string]time.Time
}

// Run gives turns until every session has had one.
func Run(sessions []Session, endpoint Endpoint) Result {
	result := Result{Served: map[string]time.Time{}}
	coming := &line{before: func(a, b *Session) bool { return a.Due.Before(b.Due) }}
	alive := &line{before: func(a, b *Session) bool { return a.Expires.Before(b.Expires) }}
	without := &line{before: func(a, b *Session) bool { return a.Since.Before(b.Since) }}
	for i := range sessions {
		coming.sessions = append(coming.sessions, &sessions[i])
	}
	heap.Init(coming)

	bucket := bucket{endpoint: endpoint, full: endpoint.Start}
	now := endpoint.Start
	for given := 0; coming.Len()+alive.Len()+without.Len() > 0; {
		for coming.Len() > 0 && !coming.first().Due.After(now) {
			session := coming.take()
			if session.Expires.IsZero() {
				heap.Push(without, session)
			} else {
				heap.Push(alive, session)
			}
		}
		for alive.Len() > 0 && !alive.first().Expires.After(now) {
			result.Expired++
			heap.Push(without, alive.take())
		}
		if alive.Len()+without.Len() == 0 {
			now = coming.first().Due
			continue
		}
		if next := bucket.next(now); next.After(now) {
			now = next
			continue
		}
		bucket.take(now)
		given++
		from := alive
		if alive.Len() == 0 || without.Len() > 0 && given%10 == 0 {
			from = without
		}
		result.Served[from.take().Name] = now
	}
	return result
}

// bucket is a token bucket: full is when it is full again.
type bucket struct {
	endpoint Endpoint
	full     time.Time
}

func (b *bucket) interval() time.Duration {
	return time.Duration(float64(time.Second) / b.endpoint.PerSecond)
}

// next is when the next turn that helps can be had. After an outage the burst is spent.
func (b *bucket) next(now time.Time) time.Time {
	at := b.full.Add(-time.Duration(b.endpoint.Burst-1) * b.interval())
	if at.Before(now) {
		at = now
	}
	if !at.Before(b.endpoint.DownFrom) && at.Before(b.endpoint.DownUntil) {
		b.full = b.endpoint.DownUntil.Add(time.Duration(b.endpoint.Burst) * b.interval())
		return b.next(b.endpoint.DownUntil)
	}
	return at
}

func (b *bucket) take(now time.Time) {
	if b.full.Before(now) {
		b.full = now
	}
	b.full = b.full.Add(b.interval())
}

// line is a heap of sessions.
type line struct {
	sessions []*Session
	before   func(a, b *Session) bool
}

func (l *line) first() *Session { return l.sessions[0] }
func (l *line) take() *Session  { return heap.Pop(l).(*Session) } //nolint:forcetypeassert // nothing else is pushed

func (l *line) Len() int           { return len(l.sessions) }
func (l *line) Less(i, j int) bool { return l.before(l.sessions[i], l.sessions[j]) }
func (l *line) Swap(i, j int)      { l.sessions[i], l.sessions[j] = l.sessions[j], l.sessions[i] }

// Push is called by package heap.
func (l *line) Push(x any) { l.sessions = append(l.sessions, x.(*Session)) } //nolint:forcetypeassert // nothing else is pushed

// Pop is called by package heap.
func (l *line) Pop() any {
	last := len(l.sessions) - 1
	session := l.sessions[last]
	l.sessions = l.sessions[:last]
	return session
}
