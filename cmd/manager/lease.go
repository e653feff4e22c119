package main

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
)

// leaseDuration is how long replicas that stand by wait after the leader's last renewal before
// they take over.
const leaseDuration = 15 * time.Second

// lease tells whether this process leads, from what it saw itself: a process that was frozen
// learns only some seconds later that another one has taken over.
type lease struct {
	clock clock.PassiveClock
	// renewed is when the last request that renewed the lease was begun; nil before the first.
	renewed atomic.Pointer[time.Time]
}

// seenBy returns a configuration whose clients show the lease what they do.
func (l *lease) seenBy(config *rest.Config) *rest.Config {
	observed := rest.CopyConfig(config)
	observed.Wrap(func(next http.RoundTripper) http.RoundTripper { return leaseRequests{next, l} })
	return observed
}

// isHeld reports whether nobody else can have taken over. Others count from the renewal as they
// see it, which is later than its beginning.
func (l *lease) isHeld() bool {
	renewed := l.renewed.Load()
	if renewed == nil {
		return false
	}
	now := l.clock.Now()
	// The monotonic clock stops while a machine sleeps, and the other one may be set: both must agree.
	return now.Sub(*renewed) < leaseDuration && now.Round(0).Sub(renewed.Round(0)).Abs() < leaseDuration
}

// leaseRequests are what the leader election sends.
type leaseRequests struct {
	http.RoundTripper
	lease *lease
}

// RoundTrip implements http.RoundTripper.
func (l leaseRequests) RoundTrip(request *http.Request) (*http.Response, error) {
	begun := l.lease.clock.Now()
	response, err := l.RoundTripper.RoundTrip(request)
	isWrite := request.Method == http.MethodPost || request.Method == http.MethodPut
	if err == nil && response.StatusCode < http.StatusMultipleChoices && isWrite && strings.Contains(request.URL.Path, "/leases") {
		l.lease.renewed.Store(&begun)
	}
	return response, err
}
