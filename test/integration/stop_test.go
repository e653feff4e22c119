package integration

import (
	"testing"

	"github.com/xtracta/billing-operator/test/builders"
)

// TestGrantIsStoredWhenTheControllerStopsMeanwhile: what the endpoint gave would be
// lost otherwise.
func TestGrantIsStoredWhenTheControllerStopsMeanwhile(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	release := w.standin.Hold()
	w.session("acme", builders.Expiration(86400))
	w.eventually("the request", func() string {
		if w.standin.InFlight() == 1 {
			return ""
		}
		return "it was not made"
	})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		w.controller.stop()
	}()
	// The queue is shut down first: from then on the pass knows that it shall end.
	w.eventually("the controller stops", func() string {
		if w.passes.queue.ShuttingDown() {
			return ""
		}
		return "not yet"
	})
	release()
	<-stopped
	w.waitForURL("acme", w.standin.Grants(w.key)[0].URL)
	if w.get("acme").Status.URL == "" {
		t.Errorf("the status was not written")
	}
	w.andPass("acme", w.run)
	w.waitForRequests(1)
}
