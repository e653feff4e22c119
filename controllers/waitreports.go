package controllers

import (
	"errors"
	"time"

	"github.com/xtracta/billing-operator/controllers/renewal"
)

// errReportLater: the status is written later, as it tells only that the session waits.
var errReportLater = errors.New("others are telling that they wait")

// waitReports limits how many workers write into statuses that sessions wait for their turn.
// When a key that 10,000 sessions share is rotated, those writes would take all workers for most
// of a minute. Sessions whose turn had come would wait behind them, and URLs would expire.
type waitReports struct{ slots chan struct{} }

func newWaitReports(workers int) waitReports {
	return waitReports{make(chan struct{}, max(1, workers/4))}
}

// begin reports whether one may be written now. Then end must be called after it.
func (w waitReports) begin() (end func(), ok bool) {
	select {
	case w.slots <- struct{}{}:
		return func() { <-w.slots }, true
	default:
		return nil, false
	}
}

const (
	// minReportRetry is the shortest wait of a report that is put off.
	minReportRetry = time.Second
	// reportsPerSecond is how many of those that wait look again in a second, so that looking
	// costs next to nothing. An API server takes more such writes.
	reportsPerSecond = 50
)

// reportRetry is how long a session puts its report off while so many wait for their turn.
func reportRetry(uid string, waiting int, now time.Time) time.Duration {
	return minReportRetry + renewal.Spread(uid, now, time.Duration(waiting)*time.Second/reportsPerSecond)
}
