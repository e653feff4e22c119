package controllers

import (
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/xtracta/billing-operator/controllers/renewal"
)

// errReportLater: the status is written later, as it can wait.
var errReportLater = errors.New("other statuses are being written")

// reports limits how many workers write statuses that can wait. When a key that 10,000 sessions
// share is rotated, throttled or deleted, the statuses of all of them change. To write them would
// take all workers for most of a minute: renewals that are due would wait behind them, and URLs
// would expire.
type reports struct {
	slots chan struct{}

	mu sync.Mutex
	// putOff are the sessions whose statuses wait to be written.
	putOff sets.Set[types.NamespacedName]
}

func newReports(workers int) *reports {
	return &reports{slots: make(chan struct{}, max(1, workers/4)), putOff: sets.New[types.NamespacedName]()}
}

// begin reports whether the status of a session may be written now. Then end must be called
// after it. Otherwise it is put off.
func (r *reports) begin(name types.NamespacedName) (end func(), ok bool) {
	select {
	case r.slots <- struct{}{}:
		r.settle(name)
		return func() { <-r.slots }, true
	default:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.putOff.Insert(name)
		return nil, false
	}
}

// settle notes that no status of the session is put off any more.
func (r *reports) settle(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.putOff.Delete(name)
}

const (
	// minReportRetry is the shortest wait of a report that is put off.
	minReportRetry = time.Second
	// reportsPerSecond is how many sessions whose reports are put off look again in a second, so
	// that looking costs next to nothing. An API server takes more such writes.
	reportsPerSecond = 50
)

// retry is how long a session waits whose report is put off. Sessions that were put off
// together come back one after the other.
func (r *reports) retry(uid types.UID, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return minReportRetry + renewal.Spread(string(uid), now, time.Duration(r.putOff.Len())*time.Second/reportsPerSecond)
}
