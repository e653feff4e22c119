package integration

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// TestAFirstIssueAndARenewalMakeNoCallTooMany: events that show the controller's own last writes
// wake it, and it has nothing to do then. Time stands still, so that no session waits long enough
// for its status to say so.
func TestAFirstIssueAndARenewalMakeNoCallTooMany(t *testing.T) {
	t.Parallel()
	const sessions = 6
	w := newRunningWorld(t)
	w.issued("marker")
	w.rest()
	w.calls.since()
	w.clock.Stop()
	urls := map[string]string{}
	for i := range sessions {
		name := fmt.Sprintf("session-%d", i)
		urls[name] = ""
		w.Session(name, builders.Expiration(600), builders.SecretName(name+"-url"))
	}
	holdWrites := func(what, secret string) {
		t.Helper()
		for name := range urls {
			urls[name] = w.waitForNewURL(name+"-url", urls[name])
		}
		w.rest()
		w.andPass("marker", func() { w.poke("marker") }) // the cache has shown our own writes by then
		writes := map[string]int{}
		for _, made := range writesOf(w.calls.since()) {
			writes[made]++
		}
		if diff := cmp.Diff(map[string]int{secret: sessions, patchStatus: sessions}, writes); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	holdWrites("a first issue", createSecret)

	w.clock.Step(7 * time.Minute) // all are due, and none has expired
	holdWrites("a renewal", patchSecret)

	w.passFloor()
	for name := range urls {
		w.RequestRenewal(name, "token")
	}
	holdWrites("a renewal that somebody requested", patchSecret)
}

// waitForCaches waits until the caches show all that was written so far. The events of a
// watch come in order, so it changes both objects of the session "marker" and waits for its
// passes.
func (w *world) waitForCaches() {
	w.T.Helper()
	w.seenBy("marker", func() { w.edit("marker", func(s *v1alpha1.BillingSession) { s.Spec.Suspend = !s.Spec.Suspend }) })
	w.seenBy("marker", func() { w.poke("marker") })
}

// TestAnEditBesideOurWriteWakes: somebody edits an object before the answer to our write has
// come. The caches show both before the controller knows which version is its own.
func TestAnEditBesideOurWriteWakes(t *testing.T) {
	t.Parallel()
	spoil := func(w *world) {
		w.editSecret("acme", func(s *corev1.Secret) { s.Data["url"] = []byte("https://example.com/spoilt") })
	}
	isRestored := func(w *world) bool { return w.URLIn("acme") == w.Get("acme").Status.URL }
	for _, row := range []struct {
		name, verb string
		edit       func(*world)
		isTakenIn  func(*world) bool
	}{
		{"an edit of the new Secret", "create", spoil, isRestored},
		{"the renewed Secret is deleted", "patch", func(w *world) { w.Delete(w.Secret("acme")) }, isRestored},
		{"an edit of the Secret while the status is written", "patch status", spoil, isRestored},
		{
			"an edit of the session while the status is written", "patch status",
			func(w *world) { w.edit("acme", builders.Hidden()) },
			func(w *world) bool { return w.Get("acme").Status.URL == "" },
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			w.issued("marker")
			if row.verb != "create" {
				w.issued("acme")
				w.passFloor()
			}
			var begun, isEdited atomic.Bool
			w.calls.fail(nil, func(made call) error {
				if made.verb == row.verb && made.object.GetName() == "acme" && begun.CompareAndSwap(false, true) {
					row.edit(w)
					w.waitForCaches()
					isEdited.Store(true)
				}
				return nil
			})
			if row.verb == "create" {
				w.Session("acme", builders.Expiration(86400))
			} else {
				w.RequestRenewal("acme", "token")
			}
			env.Until(t, "the edit to be made", isEdited.Load)
			env.Until(t, "the edit to be taken in", func() bool { return row.isTakenIn(w) })
		})
	}
}
