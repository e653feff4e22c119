package integration

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// TestASecretThatIsAlteredOnItsWayIsWrittenLessAndLessOften looks each second, as a timer of
// a second would: steps of many seconds hide a wait that never grows. Each life is over soon,
// so that a request for each failed write would show, too.
func TestASecretThatIsAlteredOnItsWayIsWrittenLessAndLessOften(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name      string
		dryRun    bool // it is altered in a dry run as well
		inStatus  v1alpha1.URLInStatus
		requests  int
		mostCalls int
	}{
		{"also in a dry run", true, v1alpha1.URLInStatusFull, 1, 30},
		{"by what ignores dry runs", false, v1alpha1.URLInStatusFull, 4, 40},
		{"and the URL is hidden", false, v1alpha1.URLInStatusHidden, 4, 40},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			w.calls.fail(func(c call) error {
				secret, ok := c.object.(*corev1.Secret)
				if ok && c.verb != "get" && (row.dryRun || !c.dryRun) {
					secret.Data["more"] = []byte("theirs")
				}
				return nil
			}, nil)
			w.Session("acme", builders.Expiration(60), builders.URLInStatus(row.inStatus))
			w.Reaches("acme", v1alpha1.ConditionStalled, v1alpha1.ReasonSecretWriteFailed)
			w.clock.Stop()
			for range 180 {
				w.clock.Step(time.Second)
				w.rest()
			}
			if made := len(w.calls.since()); made > row.mostCalls {
				t.Errorf("%d calls to the API server in three minutes, want at most %d", made, row.mostCalls)
			}
			if made := w.Standin.Total(); made > row.requests {
				t.Errorf("%d requests, want at most %d: one for each life", made, row.requests)
			}
		})
	}
}

// TestWhoFightsOverTheSecretGetsItBackLessAndLessOften has another controller that undoes
// each write of ours at once. TestWhoFightsOverManySecretsCostsLittle (controllers) has other ways
// to do so, also with hidden URLs.
func TestWhoFightsOverTheSecretGetsItBackLessAndLessOften(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		// undo returns the version of the Secret after it, empty when it is gone.
		undo func(w *world) string
		// who is what the status says of who does it.
		who string
	}{
		{"by editing it", func(w *world) string {
			return w.editSecret("acme", func(s *corev1.Secret) { s.Data["url"] = []byte("theirs") })
		}, `field manager "integration.test"`},
		{"by deleting it", func(w *world) string { w.Delete(w.Secret("acme")); return "" }, "--show-managed-fields"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			started := w.clock.Now()
			w.issued("acme")
			w.calls.since()
			w.clock.Stop()
			for undone := ""; w.clock.Since(started) < 5*time.Minute; {
				secret := w.Secret("acme")
				if secret == nil || secret.ResourceVersion == undone {
					w.clock.Step(time.Second)
					w.rest()
					continue
				}
				w.andPass("acme", func() { undone = row.undo(w) })
			}
			restores := 0
			for _, made := range writesOf(w.calls.since()) {
				if made == createSecret || made == updateSecret || made == patchSecret {
					restores++
				}
			}
			if restores < 6 || restores > 14 {
				t.Errorf("%d restores in five minutes, want 6 to 14", restores)
			}
			if got := w.Standin.Total(); got > 1 {
				t.Errorf("%d requests, want 1", got)
			}
			if told := w.told("acme"); told[v1alpha1.ReasonSecretWriteFailed] == 0 {
				t.Errorf("nobody was told: %v", told)
			}
			if who := w.saidOfSecret("acme"); !strings.Contains(who, row.who) {
				t.Errorf("it is said %q, want %q", who, row.who)
			}
		})
	}
}

// saidOfSecret is what the status says of a Secret that cannot be kept.
func (w *world) saidOfSecret(session string) string {
	w.T.Helper()
	for _, condition := range w.Get(session).Status.Conditions {
		if condition.Reason == v1alpha1.ReasonSecretWriteFailed {
			return condition.Message
		}
	}
	return ""
}

// TestASingleEditIsUndoneAtOnce: only who goes on is made to wait.
func TestASingleEditIsUndoneAtOnce(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	session := w.issued("acme", builders.Expiration(86400))
	for range 5 {
		for range 2 {
			w.editSecret("acme", func(s *corev1.Secret) { s.Data["url"] = []byte("theirs") })
			w.waitForURL("acme", session.Status.URL)
			w.Ready("acme")
		}
		w.clock.Step(3 * time.Minute)
		w.rest()
	}
	w.waitForRequests(1)
}
