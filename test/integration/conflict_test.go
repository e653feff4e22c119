package integration

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
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

func TestSecretThatIsBeingDeletedIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	first := w.issued("acme")
	w.editSecret("acme", func(s *corev1.Secret) { s.Finalizers = []string{"example.com/wait"} })
	w.rest()
	w.Delete(w.Secret("acme"))
	w.Reaches("acme", v1alpha1.ConditionReconciling, v1alpha1.ReasonAwaitingCollection)
	w.editSecret("acme", func(s *corev1.Secret) { s.Finalizers = nil })
	w.Ready("acme")
	w.waitForURL("acme", first.Status.URL)
	w.waitForRequests(1)
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
