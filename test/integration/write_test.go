package integration

import (
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
)

var secrets, sessions = schema.GroupResource{Resource: "secrets"}, schema.GroupResource{Resource: "billingsessions"}

// TestGrantThatCannotBeWrittenIsNotAskedForAgain lets a write fail a few times.
func TestGrantThatCannotBeWrittenIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	lost, failing := apierrors.NewTimeoutError("the answer was lost", 1), apierrors.NewInternalError(errors.New("failed calling webhook"))
	for _, row := range []struct {
		name, verb string
		err        error
		happened   bool // the write worked all the same
	}{
		{"create happens and times out", "create", lost, true},
		{"create finds one that the cache does not show", "create", apierrors.NewAlreadyExists(secrets, "acme"), false},
		{"patch fails", "patch", failing, false},
		{"patch conflicts", "patch", apierrors.NewConflict(secrets, "acme", errors.New("modified")), false},
		{"patch finds nothing", "patch", apierrors.NewNotFound(secrets, "acme"), false},
		{"the status is patched and the answer is lost", "patch status", lost, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			left := 4
			fail := func(c call) error {
				if c.verb == row.verb && left > 0 {
					left--
					return row.err
				}
				return nil
			}
			before, after := fail, (func(call) error)(nil)
			if row.happened {
				before, after = nil, fail
			}
			want := 1
			if row.verb == "create" {
				w.calls.fail(before, after)
				w.Session("acme", builders.Expiration(86400))
			} else {
				w.issued("acme")
				w.passFloor()
				w.calls.fail(before, after)
				w.RequestRenewal("acme", "now")
				env.Until(t, "the second request", func() bool { return w.Standin.Total() == 2 })
				want = 2
			}
			for range 20 {
				w.clock.Step(7 * time.Second)
				w.rest()
			}
			session := w.Ready("acme")
			w.Reaches("acme", v1alpha1.ConditionRenewalFailing, "")
			w.waitForRequests(want)
			w.holdsGrant(session)
			if left > 0 && !row.happened {
				t.Errorf("the write was not tried again: %d failures left", left)
			}
		})
	}
}

// TestRestartDoesNotAskForWhatTheSecretHolds: a crash between Secret and status
// loses nothing.
func TestRestartDoesNotAskForWhatTheSecretHolds(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.calls.fail(func(c call) error {
		if c.verb == "patch status" {
			return apierrors.NewInternalError(errors.New("etcd is slow"))
		}
		return nil
	}, nil)
	w.Session("acme", builders.Expiration(86400))
	w.waitForRequests(1)
	w.controller.stop()
	w.calls.fail(nil, nil)
	w.run()
	w.holdsGrant(w.Ready("acme"))
	w.waitForRequests(1)
	w.waitForEvents("acme", map[string]int{v1alpha1.ReasonIssued: 1})
}

// forbid has writes of Secrets refused, as a quota or a policy does whose message quotes what it
// refuses. A real quota is in test/process/manager.
func (w *world) forbid() (allow func()) {
	w.calls.fail(func(c call) error {
		if secret, ok := c.object.(*corev1.Secret); ok && c.verb != "get" {
			return apierrors.NewForbidden(secrets, secret.Name, fmt.Errorf("no such Secrets here: %s", secret.Data["url"]))
		}
		return nil
	}, nil)
	return func() { w.calls.fail(nil, nil) }
}

// TestImmutableSecretIsToldAsAFailedWrite: the URL that lives is told as alive meanwhile, and what was
// granted is kept.
func TestImmutableSecretIsToldAsAFailedWrite(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.issued("acme")
	w.editSecret("acme", func(s *corev1.Secret) { s.Immutable = ptr.To(true) })
	w.passFloor()
	w.RequestRenewal("acme", "now")
	w.Reaches("acme", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonSecretWriteFailed)
	w.waitForRequests(2)
	w.Delete(w.Secret("acme")) // and nobody waits for the end of the wait
	w.waitForURL("acme", w.Standin.Grants(w.Key)[1].URL)
	w.Ready("acme")
	w.Reaches("acme", v1alpha1.ConditionRenewalFailing, "")
	w.holdsGrant(w.Get("acme"))
	w.waitForRequests(2)
	w.waitForEvents("acme", map[string]int{v1alpha1.ReasonIssued: 1, v1alpha1.ReasonSecretWriteFailed: 1, v1alpha1.ReasonRecovered: 1})
}

// TestRefusedStatusShowsNoURL: the API server's message quotes what it refused.
func TestRefusedStatusShowsNoURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.GiveKey("key", w.Key)
	w.calls.fail(func(c call) error {
		if session, ok := c.object.(*v1alpha1.BillingSession); ok {
			return apierrors.NewForbidden(sessions, session.Name, fmt.Errorf("no URL here: %s", session.Status.URL))
		}
		return nil
	}, nil)
	w.run()
	w.Session("acme", builders.Expiration(86400))
	w.waitForNewURL("acme", "")
	w.rest()
	w.calls.fail(nil, nil)
	w.clock.Step(10*time.Minute + time.Second) // a refused write is tried again within ten minutes
	w.Ready("acme")
	w.waitForRequests(1)
}
