package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

// TestALeaseIsHeldAsLongAsItWasRenewedInTime: what was answered late counts from its beginning.
func TestALeaseIsHeldAsLongAsItWasRenewedInTime(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0))
	held := &lease{clock: clock}
	status, takes := http.StatusOK, time.Duration(0)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		clock.Step(takes)
		w.WriteHeader(status)
	}))
	defer server.Close()
	client, err := rest.HTTPClientFor(held.seenBy(&rest.Config{Host: server.URL}))
	noError(t, err)
	const path = "/apis/coordination.k8s.io/v1/namespaces/system/leases/billing-operator"
	for _, step := range []struct {
		why          string
		method, path string
		status       int
		takes, then  time.Duration
		want         bool
	}{
		{"it was only read", http.MethodGet, path, 200, 0, 0, false},
		{"somebody else has it", http.MethodPut, path, 409, 0, 0, false},
		{"it was renewed", http.MethodPut, path, 200, 0, 14 * time.Second, true},
		{"and then not any more", http.MethodPut, path, 500, 0, time.Second, false},
		{"an event is no renewal", http.MethodPost, "/apis/events.k8s.io/v1/namespaces/system/events", 201, 0, 0, false},
		{"it was made", http.MethodPost, path, 201, 0, 0, true},
		{"the answer took long", http.MethodPut, path, 200, 14 * time.Second, time.Second, false},
		{"it is renewed again", http.MethodPut, path, 200, 0, 0, true},
		{"the clock was set back", http.MethodGet, path, 200, 0, -time.Hour, false},
	} {
		status, takes = step.status, step.takes
		request, err := http.NewRequestWithContext(t.Context(), step.method, server.URL+step.path, http.NoBody)
		noError(t, err)
		response, err := client.Do(request)
		noError(t, err)
		noError(t, response.Body.Close())
		clock.SetTime(clock.Now().Add(step.then))
		if got := held.isHeld(); got != step.want {
			t.Errorf("%s: held is %t", step.why, got)
		}
	}
}

// TestNeitherClockCanHideThatTheLeaseIsOver: one of them stops while the machine sleeps, and a
// person may set the other.
func TestNeitherClockCanHideThatTheLeaseIsOver(t *testing.T) {
	held := &lease{clock: clock.RealClock{}}
	for why, renewed := range map[string]time.Time{
		"the process was frozen":                   time.Now().Add(-leaseDuration),
		"the machine slept":                        time.Now().Round(0).Add(-leaseDuration),
		"the clock was set back since the renewal": time.Now().Round(0).Add(time.Hour),
	} {
		held.renewed.Store(&renewed)
		if held.isHeld() {
			t.Errorf("%s: the lease is held", why)
		}
	}
	renewed := time.Now()
	if held.renewed.Store(&renewed); !held.isHeld() {
		t.Error("a lease that was renewed just now is not held")
	}
}
