package integration

import (
	"testing"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// TestGrantIsStoredWhenTheControllerStopsMeanwhile: what the endpoint gave would be
// lost otherwise.
func TestGrantIsStoredWhenTheControllerStopsMeanwhile(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	release := w.Standin.Hold()
	w.Session("acme", builders.Expiration(86400))
	w.WaitForRequestsUnderWay(1)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		w.controller.stop()
	}()
	// The queue is shut down first: from then on the pass knows that it shall end.
	env.Until(t, "the controller stops", w.passes.queue.ShuttingDown)
	release()
	<-stopped
	w.waitForURL("acme", w.Standin.Grants(w.Key)[0].URL)
	if w.Get("acme").Status.URL == "" {
		t.Errorf("the status was not written")
	}
	w.andPass("acme", w.run)
	w.waitForRequests(1)
}
