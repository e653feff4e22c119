package controllers

import (
	"errors"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// errReportLater: the status is written later, as it can wait.
var errReportLater = errors.New("other statuses are being written")

// reports limits how many workers write statuses that can wait. When a key that 10,000 sessions
// share is rotated, throttled or deleted, the statuses of all of them change. To write them would
// take all workers for most of a minute: renewals that are due would wait behind them, and URLs
// would expire.
type reports struct {
	wake func(types.NamespacedName)
	// underWay has an element for each status that is being written.
	underWay chan struct{}

	mu sync.Mutex
	// waiting are the sessions whose statuses were not written.
	waiting sessionQueue
}

func newReports(atOnce int, wake func(types.NamespacedName)) *reports {
	return &reports{wake: wake, underWay: make(chan struct{}, atOnce)}
}

// begin reports whether a status may be written now. Then end must be called after it.
func (r *reports) begin() (end func(), ok bool) {
	select {
	case r.underWay <- struct{}{}:
		return func() { <-r.underWay }, true
	default:
		return nil, false
	}
}

// wait has the session woken when a status can be written.
func (r *reports) wait(session types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting.add(session)
}

// wakeNext wakes the session that has waited longest, if a status can be written. Every pass ends
// with it. That includes the pass of the one that was woken, which may have nothing to write any
// more, and of the one that has just begun to wait. So nobody waits while there is room.
func (r *reports) wakeNext() {
	if session, ok := r.next(); ok {
		r.wake(session)
	}
}

func (r *reports) next() (session types.NamespacedName, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.underWay) == cap(r.underWay) {
		return session, false
	}
	return r.waiting.next()
}
