package integration

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// forgeries are changes of a grant that the endpoint cannot have made, one of the URL and one of
// its life; controllers/secret has them all. Whoever may write Secrets or statuses can make them
// while no controller looks.
var forgeries = map[string]func(*secret.Grant){
	"foreign host":             func(g *secret.Grant) { g.URL = endpoint.NewURL("https://example.com/billings/index.html?t=forged") },
	"forty days by the offset": func(g *secret.Grant) { g.Offset = -40 * 24 * time.Hour },
}

// TestForgedSecretAndStatusAreReplaced forges both while no controller runs. Nothing is left to
// restore then, and what is there is not what the endpoint gave.
func TestForgedSecretAndStatusAreReplaced(t *testing.T) {
	t.Parallel()
	for name, forge := range forgeries {
		for what, isDeleted := range map[string]bool{"": false, ", and the Secret deleted": true} {
			t.Run(name+what, func(t *testing.T) {
				t.Parallel()
				w := newRunningWorld(t)
				w.issued("acme")
				w.passFloor()
				w.controller.stop()
				forged := w.forgeSecret("acme", forge)
				w.forgeStatus("acme", forge)
				if isDeleted {
					w.Delete(w.Secret("acme"))
				}
				w.Standin.Misbehave(standin.Status(500))
				w.run()
				failing := w.Reaches("acme", v1alpha1.ConditionReady, v1alpha1.ReasonExpired)
				if failing.Status.URL != "" {
					t.Errorf("the status shows a URL that was not granted")
				}
				if isDeleted && w.Secret("acme") != nil {
					t.Errorf("a forged URL was restored")
				}
				w.Standin.Heal()
				w.clock.Step(15 * time.Second)
				ready := w.Ready("acme")
				w.holdsGrant(ready)
				if got := ready.Status.URL; got == forged.URL.Reveal() || got != w.Standin.Grants(w.Key)[1].URL {
					t.Errorf("the status does not show the fresh URL")
				}
				if life := ready.Status.ExpirationTime.Sub(w.clock.Now()); life > 25*time.Hour {
					t.Errorf("it says that the URL lives for %s", life)
				}
			})
		}
	}
}

// TestForgedSecretIsRestoredFromTheStatus and the other way round: one that is as granted is enough.
func TestForgedSecretIsRestoredFromTheStatus(t *testing.T) {
	t.Parallel()
	for name, forge := range forgeries {
		for what, change := range map[string]func(*world, func(*secret.Grant)){
			"Secret":                              func(w *world, forge func(*secret.Grant)) { w.forgeSecret("acme", forge) },
			"status":                              func(w *world, forge func(*secret.Grant)) { w.forgeStatus("acme", forge) },
			"Secret, and the controller is there": nil,
		} {
			t.Run(name+" in the "+what, func(t *testing.T) {
				t.Parallel()
				w := newRunningWorld(t)
				issued := w.issued("acme")
				w.passFloor()
				w.staysReady("acme")
				if change == nil {
					w.forgeSecret("acme", forge)
				} else {
					w.controller.stop()
					change(w, forge)
					w.run()
				}
				w.waitForURL("acme", issued.Status.URL)
				w.Eventually("the status of before", func() string {
					now := w.Get("acme").Status
					if now.URL != issued.Status.URL || !now.ExpirationTime.Equal(issued.Status.ExpirationTime) {
						return "it shows another grant"
					}
					return ""
				})
				w.waitForRequests(1)
				w.holdsGrant(w.Get("acme"))
			})
		}
	}
}

// TestForgedOrphanIsAConflict: what lost its owner is taken back only as it was written.
func TestForgedOrphanIsAConflict(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.issued("acme", builders.Hidden())
	w.controller.stop()
	w.forgeSecret("acme", forgeries["foreign host"])
	w.setOwners("acme")
	before := w.Secret("acme").ResourceVersion
	w.run()
	w.Reaches("acme", v1alpha1.ConditionStalled, v1alpha1.ReasonSecretConflict)
	w.waitForRequests(1)
	if w.Secret("acme").ResourceVersion != before {
		t.Error("it was touched")
	}
}

func believeAll(string) error { return nil }

// forgeSecret changes the grant in a Secret, with a digest that is right.
func (w *world) forgeSecret(name string, forge func(*secret.Grant)) *secret.Grant {
	w.T.Helper()
	session, before := w.Get(name), w.Secret(name)
	_, grant := secret.Inspect(session, before, believeAll)
	forge(grant)
	after, err := secret.Compose(session, before, grant)
	if err != nil {
		w.T.Fatal(err)
	}
	if err := w.Client.Update(w.T.Context(), after); err != nil {
		w.T.Fatal(err)
	}
	return grant
}

// forgeStatus changes the grant that a status shows.
func (w *world) forgeStatus(name string, forge func(*secret.Grant)) {
	w.T.Helper()
	session := w.Get(name)
	status := &session.Status
	grant := secret.FromStatus(status, believeAll)
	forge(grant)
	issued, expire := metav1.NewTime(grant.Issued), metav1.NewTime(grant.Expire)
	status.URL, status.IssueTime, status.ExpirationTime = grant.URL.Reveal(), &issued, &expire
	status.IssuedFor.ClockOffsetSeconds = int64(grant.Offset / time.Second)
	if err := w.Client.Status().Update(w.T.Context(), session); err != nil {
		w.T.Fatal(err)
	}
}
