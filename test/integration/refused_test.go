package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// TestARestartSpendsNoRequestOnRefusedWrites: what a process remembers of a refused write is
// gone with it, but the status tells. Each restart would otherwise spend a request for each
// session of a namespace over its quota, for URLs that nobody can store.
func TestARestartSpendsNoRequestOnRefusedWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.GiveKey("key", w.Key)
	allow := w.forbid()
	w.run()
	const sessions = 8
	for i := range sessions {
		w.Session(fmt.Sprintf("acme-%d", i), builders.Expiration(60))
	}
	for i := range sessions {
		w.Reaches(fmt.Sprintf("acme-%d", i), v1alpha1.ConditionStalled, v1alpha1.ReasonSecretWriteFailed)
	}
	asked := w.Standin.Total()
	w.clock.Step(2 * time.Minute) // what the process held in memory has expired
	w.rest()
	for range 3 {
		w.restart()
		for range 20 {
			w.clock.Step(5 * time.Second)
			w.rest()
		}
	}
	if got := w.Standin.Total() - asked; got > 0 {
		t.Errorf("%d requests for Secrets that cannot be written", got)
	}
	allow()
	for range 70 { // a refused write is tried again within ten minutes
		w.clock.Step(10 * time.Second)
		w.rest()
	}
	for i := range sessions {
		w.Ready(fmt.Sprintf("acme-%d", i))
	}
}

// TestARefusedWriteIsTriedLessAndLessOften counts the dry runs of half an hour, which is longer than the
// grant lives that could not be written.
func TestARefusedWriteIsTriedLessAndLessOften(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.GiveKey("key", w.Key)
	allow := w.forbid()
	w.run()
	w.Session("acme", builders.Expiration(600))
	w.Reaches("acme", v1alpha1.ConditionStalled, v1alpha1.ReasonSecretWriteFailed)
	w.rest()
	w.calls.since()
	w.clock.Stop()
	for range 180 {
		w.clock.Step(10 * time.Second)
		w.rest()
	}
	tried := 0
	for _, made := range w.calls.since() {
		if made != readLive && made != patchStatus {
			tried++
		}
	}
	if tried > 14 {
		t.Errorf("%d tries in half an hour, want at most 14", tried)
	}
	w.waitForRequests(1)
	w.Reaches("acme", v1alpha1.ConditionStalled, v1alpha1.ReasonSecretWriteFailed)
	allow()
	w.clock.Step(10*time.Minute + time.Second)
	w.holdsGrant(w.Ready("acme"))
	w.waitForRequests(2)
	w.waitForEvents("acme", map[string]int{v1alpha1.ReasonSecretWriteFailed: 1, v1alpha1.ReasonIssued: 1})
}
