package controllers

import "errors"

// errReportLater: the status is written later, as it can wait.
var errReportLater = errors.New("other statuses are being written")

// reports limits how many workers write statuses that can wait. When a key that 10,000 sessions
// share is rotated, throttled or deleted, the statuses of all of them change. To write them would
// take all workers for most of a minute: renewals that are due would wait behind them, and URLs
// would expire.
type reports struct{ slots chan struct{} }

func newReports(workers int) *reports {
	return &reports{slots: make(chan struct{}, max(1, workers/4))}
}

// begin reports whether a status may be written now. Then end must be called after it.
func (r *reports) begin() (end func(), ok bool) {
	select {
	case r.slots <- struct{}{}:
		return func() { <-r.slots }, true
	default:
		return nil, false
	}
}
