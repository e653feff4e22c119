package integration

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
)

func TestForeignSecretIsNeverTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.GiveKey("key", w.Key)
	foreign := builders.ForeignSecret(w.Namespace, "acme")
	foreign.Labels = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy} // whatever its labels say
	w.Create(foreign)
	w.Create(builders.ForeignSecret(w.Namespace, "plain"))
	w.run()
	w.Session("acme")
	w.Session("other", builders.SecretName("plain"))
	w.Reaches("acme", v1alpha1.ConditionStalled, v1alpha1.ReasonSecretConflict)
	w.Reaches("other", v1alpha1.ConditionStalled, v1alpha1.ReasonSecretConflict)
	w.clock.Step(10 * time.Minute)
	w.waitForRequests(0)
	for _, name := range []string{"acme", "plain"} {
		if secret := w.Secret(name); string(secret.Data["mine"]) != "hands off" || len(secret.Data) != 1 || secret.OwnerReferences != nil {
			t.Errorf("Secret %s was touched", name)
		}
	}
	if name := w.Get("acme").Status.SecretName; name != "" {
		t.Errorf("the status calls Secret %s its own", name)
	}
	w.waitForEvents("acme", map[string]int{v1alpha1.ReasonSecretConflict: 1})
}

func TestOlderOfTwoSessionsHasTheSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.GiveKey("key", w.Key)
	// Creation times have whole seconds, so that this is decided by the UID.
	a, b := w.Session("a", builders.SecretName("shared")), w.Session("b", builders.SecretName("shared"))
	older, younger := a, b
	if !a.CreationTimestamp.Before(&b.CreationTimestamp) && b.UID < a.UID {
		older, younger = b, a
	}
	w.run()
	w.Ready(older.Name)
	stalled := w.Reaches(younger.Name, v1alpha1.ConditionStalled, v1alpha1.ReasonSecretConflict)
	if message := stalled.Status.Conditions[0].Message; !strings.Contains(message, "shared") {
		t.Errorf("the message does not name the Secret: %s", message)
	}
	w.waitForRequests(1)
	w.Delete(older)
	w.passFloor()
	w.waitForRequests(1) // the Secret is still there
	w.Delete(w.Secret("shared"))
	w.Ready(younger.Name)
	w.waitForRequests(2)
}

// TestASecretThatAFinalizerHoldsIsKeptAlive: pods go on using it after somebody has deleted it.
func TestASecretThatAFinalizerHoldsIsKeptAlive(t *testing.T) {
	t.Parallel()
	for shown, afterwards := range map[v1alpha1.URLInStatus]int{v1alpha1.URLInStatusFull: 0, v1alpha1.URLInStatusHidden: 1} {
		t.Run(string(shown), func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			w.issued("acme", builders.Expiration(600), builders.URLInStatus(shown))
			w.staysReady("acme")
			w.editSecret("acme", func(s *corev1.Secret) { s.Finalizers = []string{"example.com/wait"} })
			w.rest()
			w.Delete(w.Secret("acme"))
			isHeld := func() bool {
				return strings.Contains(w.readyMessage("acme"), `"acme" is being deleted, but a finalizer holds it (example.com/wait)`)
			}
			env.Until(t, "the status names the finalizer", isHeld)
			first := w.URLIn("acme")
			w.clock.Step(7 * time.Minute) // it is due, and has not expired
			renewed := w.waitForNewURL("acme", first)
			w.waitForRequests(2)
			if !isHeld() {
				t.Errorf("the status does not name the finalizer any more: %s", w.readyMessage("acme"))
			}
			w.passFloor()
			held := w.Secret("acme").UID
			w.editSecret("acme", func(s *corev1.Secret) { s.Finalizers = nil })
			env.Until(t, "it is made again", func() bool { s := w.Secret("acme"); return s != nil && s.UID != held })
			w.waitForRequests(2 + afterwards)
			if afterwards == 0 && w.URLIn("acme") != renewed {
				t.Error("it holds another URL")
			}
			w.Eventually("nothing is held any more", func() string { return env.Unless(!isHeld(), w.readyMessage("acme")) })
		})
	}
}

// TestAHeldSecretOfADeletedSessionIsWaitedFor, and whoever looks learns who holds it.
func TestAHeldSecretOfADeletedSessionIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	before := w.issued("acme")
	w.passFloor()
	w.controller.stop()
	w.editSecret("acme", func(s *corev1.Secret) { s.Finalizers = []string{"example.com/wait"} })
	w.Delete(before)
	w.Delete(w.Secret("acme")) // as garbage collection does
	w.applyAgain(before)
	w.run()
	w.Reaches("acme", v1alpha1.ConditionReconciling, v1alpha1.ReasonAwaitingCollection)
	if message := w.readyMessage("acme"); !strings.Contains(message, "example.com/wait") {
		t.Errorf("the finalizer is not named: %s", message)
	}
	w.waitForRequests(1)
	w.editSecret("acme", func(s *corev1.Secret) { s.Finalizers = nil })
	w.Ready("acme")
	w.waitForRequests(2)
}

// readyMessage is the message of the session's condition Ready.
func (w *world) readyMessage(name string) string {
	w.T.Helper()
	if ready := meta.FindStatusCondition(w.Get(name).Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		return ready.Message
	}
	return ""
}

// TestAForeignSecretIsNotVouchedFor: whoever may write a status cannot hand a Secret over.
func TestAForeignSecretIsNotVouchedFor(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	foreign := builders.ForeignSecret(w.Namespace, "acme")
	w.Create(foreign)
	w.Session("acme")
	session := w.Reaches("acme", v1alpha1.ConditionStalled, v1alpha1.ReasonSecretConflict)
	w.rest()
	if diff := cmp.Diff([]string{patchStatus}, w.calls.since()); diff != "" {
		t.Errorf("what a foreign Secret costs (-want +got):\n%s", diff)
	}
	w.controller.stop()
	session.Status.SecretResourceVersion = foreign.ResourceVersion
	w.Must(w.Client.Status().Update(t.Context(), session))
	w.andPass("acme", w.run)
	w.Reaches("acme", v1alpha1.ConditionStalled, v1alpha1.ReasonSecretConflict)
	w.waitForRequests(0)
	if diff := cmp.Diff([]string(nil), w.calls.since()); diff != "" {
		t.Errorf("what one costs that the status vouches for (-want +got):\n%s", diff)
	}
}

func TestSessionThatIsBeingDeletedIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	session := w.issued("acme", builders.Expiration(600))
	w.edit("acme", func(s *v1alpha1.BillingSession) { s.Finalizers = []string{"example.com/wait"} })
	w.rest()
	w.andPass("acme", func() { w.Delete(session, client.PropagationPolicy(metav1.DeletePropagationForeground)) })
	w.Delete(w.Secret("acme"))
	w.clock.Step(20 * time.Minute)
	w.rest()
	w.waitForRequests(1)
	if w.Secret("acme") != nil {
		t.Errorf("a Secret was written for a session that is being deleted")
	}
	w.edit("acme", func(s *v1alpha1.BillingSession) { s.Finalizers = nil })
}

// TestSessionDeletedWhileItAsksLeavesNoSecret would leave one to garbage collection.
func TestSessionDeletedWhileItAsksLeavesNoSecret(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	release := w.Standin.Hold()
	session := w.Session("acme")
	w.WaitForRequestsUnderWay(1)
	w.Delete(session)
	other := w.Session("acme2", builders.SecretName("elsewhere"), builders.Suspended())
	w.Reaches(other.Name, v1alpha1.ConditionReady, v1alpha1.ReasonSuspended) // the cache has seen the deletion
	release()
	w.rest()
	if w.Secret("acme") != nil {
		t.Errorf("a Secret was written for a session that is gone")
	}
	w.waitForRequests(1)
}

// TestTerminatingNamespaceIsLeftAlone: it cannot be learned but from a refused write.
func TestTerminatingNamespaceIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.issued("acme", builders.Expiration(600))
	w.Delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}})
	w.rest()
	w.calls.since()
	w.andPass("acme", func() { w.Delete(w.Secret("acme")) })
	for i := range 4 {
		w.andPass("acme", func() { w.edit("acme", builders.RenewBefore(int32(60+i))) })
		w.clock.Step(5 * time.Minute)
		w.rest()
	}
	if diff := cmp.Diff([]string{createSecret}, writesOf(w.calls.since())); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	w.waitForRequests(1)
	if told := w.told("acme"); told[v1alpha1.ReasonSecretWriteFailed] > 0 {
		t.Errorf("a deletion is told as a failure: %v", told)
	}
}

// writesOf leaves out the reads.
func writesOf(made []string) []string {
	return slices.DeleteFunc(made, func(what string) bool { return what == readLive })
}
