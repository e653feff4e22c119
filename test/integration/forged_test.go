package integration

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

// forge is a change that the endpoint cannot have made; controllers/secret has all of them. Whoever may
// write Secrets or statuses can make it while no controller looks.
func forge(g *secret.Grant) {
	g.URL = endpoint.NewURL("https://example.com/billings/index.html?t=forged")
}

// TestForgedSecretAndStatusAreReplaced forges both while no controller runs. Nothing is left to
// restore then, and what is there is not what the endpoint gave.
func TestForgedSecretAndStatusAreReplaced(t *testing.T) {
	t.Parallel()
	for name, isDeleted := range map[string]bool{"both are there": false, "and the Secret is deleted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			w.issued("acme")
			w.passFloor()
			w.controller.stop()
			w.forgeSecret("acme")
			w.forgeStatus("acme")
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
			w.holdsGrant(w.Ready("acme"))
		})
	}
}

// TestForgedSecretIsRestoredFromTheStatus and the other way round: one that is as granted is enough.
func TestForgedSecretIsRestoredFromTheStatus(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		runs  bool // the controller, meanwhile
		forge func(*world, string)
	}{
		{"the Secret", false, (*world).forgeSecret},
		{"the status", false, (*world).forgeStatus},
		{"the status, with what could have been granted", false, func(w *world, name string) {
			session := w.Get(name)
			session.Status.URL += "0"
			w.Must(w.Client.Status().Update(w.T.Context(), session))
		}},
		{"the status, until later", false, func(w *world, name string) {
			session := w.Get(name)
			session.Status.ExpirationTime = &metav1.Time{Time: session.Status.ExpirationTime.Add(time.Hour)}
			w.Must(w.Client.Status().Update(w.T.Context(), session))
		}},
		{"the Secret, and the controller is there", true, (*world).forgeSecret},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			issued := w.issued("acme")
			w.passFloor()
			w.staysReady("acme")
			if !row.runs {
				w.controller.stop()
			}
			row.forge(w, "acme")
			if !row.runs {
				w.run()
			}
			w.waitForURL("acme", issued.Status.URL)
			w.Eventually("the status of before", func() string {
				now := w.Get("acme").Status
				return env.Unless(now.URL == issued.Status.URL && now.ExpirationTime.Equal(issued.Status.ExpirationTime), "it shows another grant")
			})
			w.waitForRequests(1)
			w.holdsGrant(w.Get("acme"))
		})
	}
}

func believeAll(string) error { return nil }

// forgeSecret changes the grant in a Secret, with a digest that is right.
func (w *world) forgeSecret(name string) {
	w.T.Helper()
	session, before := w.Get(name), w.Secret(name)
	grant := secret.Read(before, believeAll)
	forge(grant)
	after, err := secret.Compose(session, before, grant)
	w.Must(err)
	w.Must(w.Client.Update(w.T.Context(), after))
}

// forgeStatus changes the grant that a status shows.
func (w *world) forgeStatus(name string) {
	w.T.Helper()
	session := w.Get(name)
	grant := secret.FromStatus(&session.Status, believeAll)
	forge(grant)
	session.Status.URL = grant.URL.Reveal()
	w.Must(w.Client.Status().Update(w.T.Context(), session))
}
