package integration

import (
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/xtracta/billing-operator/test/env/builders"
)

// maxPasses is what a first issue and a renewal may take: one that finds no turn to ask, and
// one that has it.
const maxPasses = 2

// TestAFirstIssueAndARenewalTakeTwoPasses: events that show nothing but the controller's own
// last write wake nobody. Time stands still, so that no session waits long enough for its
// status to say so, and there are fewer sessions than calls that may be under way at once.
func TestAFirstIssueAndARenewalTakeTwoPasses(t *testing.T) {
	t.Parallel()
	const sessions = 6
	for _, row := range []struct{ name, suffix string }{
		{"the Secret has the session's name", ""},
		{"the Secret has a name of its own", "-url"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			w.issued("marker")
			w.clock.Stop()
			var names []string
			urls := map[string]string{}
			for i := range sessions {
				name := fmt.Sprintf("session-%d", i)
				names = append(names, name)
				w.Session(name, builders.Expiration(600), builders.SecretName(name+row.suffix))
			}
			wait := func() {
				t.Helper()
				for _, name := range names {
					urls[name] = w.waitForNewURL(name+row.suffix, urls[name])
				}
			}
			wait()
			w.holdPasses("a first issue", names, map[string]int{})

			before := w.passesOf(names)
			w.clock.Step(7 * time.Minute) // all are due, and none has expired
			wait()
			w.holdPasses("a renewal", names, before)

			w.passFloor()
			before = w.passesOf(names)
			for _, name := range names {
				w.RequestRenewal(name, "token")
			}
			wait()
			w.holdPasses("a renewal that somebody requested", names, before)
		})
	}
}

func (w *world) passesOf(names []string) map[string]int {
	passes := map[string]int{}
	for _, name := range names {
		passes[name] = w.passes.of(reconcile.Request{NamespacedName: w.At(name)})
	}
	return passes
}

// holdPasses holds that each session was looked at once or twice since before.
func (w *world) holdPasses(what string, names []string, before map[string]int) {
	w.T.Helper()
	w.rest()
	w.waitForCaches()
	w.rest()
	var passes []int
	for name, now := range w.passesOf(names) {
		passes = append(passes, now-before[name])
	}
	if fewest, most := slices.Min(passes), slices.Max(passes); fewest < 1 || most > maxPasses {
		w.T.Errorf("%s took %d to %d passes, want 1 to %d: %d", what, fewest, most, maxPasses, passes)
	}
}

// waitForCaches waits until the caches show all that was written so far. The events of a
// watch come in order, so it changes both objects of the session "marker" and waits for its
// passes.
func (w *world) waitForCaches() {
	w.T.Helper()
	marker := reconcile.Request{NamespacedName: w.At("marker")}
	now := strconv.FormatInt(time.Now().UnixNano(), 10)
	for _, change := range []func(){
		func() { w.edit("marker", builders.Labelled("looked-at", now)) },
		func() { w.editSecret("marker", func(s *corev1.Secret) { s.Labels["looked-at"] = now }) },
	} {
		before := w.passes.of(marker)
		change()
		w.Eventually("a pass over the marker", func() string {
			if w.passes.of(marker) > before {
				return ""
			}
			return "none"
		})
	}
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
		{"an edit of the renewed Secret", "update", spoil, isRestored},
		{"the renewed Secret is deleted", "update", func(w *world) { w.Delete(w.Secret("acme")) }, isRestored},
		{"an edit of the Secret while the status is written", "patch status", spoil, isRestored},
		{
			"an edit of the session while the status is written", "patch status",
			func(w *world) { w.edit("acme", builders.Hidden()) },
			func(w *world) bool { return w.Get("acme").Status.URL == "" },
		},
		{
			"two edits of the session while the status is written", "patch status",
			func(w *world) { w.edit("acme", builders.Labelled("a", "b")); w.edit("acme", builders.Hidden()) },
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
			w.Eventually("the edit to be taken in", func() string {
				if !isEdited.Load() {
					return "it is not made yet"
				}
				if !row.isTakenIn(w) {
					return "it is overlooked"
				}
				return ""
			})
		})
	}
}
