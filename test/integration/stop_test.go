package integration

import (
	"bytes"
	"runtime/pprof"
	"strings"
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

// TestNoGoroutineIsLeftWhenTheControllerHasStopped looks at the whole process, so
// it does not run beside other tests.
func TestNoGoroutineIsLeftWhenTheControllerHasStopped(t *testing.T) {
	w := newRunningWorld(t)
	w.Session("acme")
	w.waitForRequests(1)
	if ours(t) == "" {
		t.Fatal("a controller that runs is not seen")
	}
	w.controller.stop()
	w.Eventually("the controller's goroutines to end", func() string { return ours(t) })
}

// ours is the stacks of all goroutines that run the controller's code or its library's.
func ours(t *testing.T) string {
	t.Helper()
	var dump bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&dump, 2); err != nil {
		t.Fatal(err)
	}
	var stacks []string
	for stack := range strings.SplitSeq(dump.String(), "\n\n") {
		if strings.Contains(stack, "billing-operator/controllers.") || strings.Contains(stack, "controller-runtime/pkg/manager") ||
			strings.Contains(stack, "controller-runtime/pkg/internal/controller") {
			stacks = append(stacks, stack)
		}
	}
	return strings.Join(stacks, "\n\n")
}
