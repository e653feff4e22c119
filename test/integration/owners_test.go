package integration

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// TestLostOwnerIsPutBack takes the owner of a generated Secret away as backups, restores
// and people do.
func TestLostOwnerIsPutBack(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		lose func(*world)
	}{
		{"references are stripped", func(w *world) { w.setOwners("acme") }},
		{"the session is deleted and applied again", func(w *world) {
			before := w.Get("acme")
			w.Delete(before)
			w.applyAgain(before)
		}},
		{"the session is restored with its status", func(w *world) {
			w.controller.stop()
			before := w.Get("acme")
			w.Delete(before)
			after := w.applyAgain(before)
			after.Status = before.Status
			w.Must(w.Client.Status().Update(w.T.Context(), after))
			w.run()
		}},
		{"deletion with --cascade=orphan, and applied again", func(w *world) {
			before := w.Get("acme")
			w.deleteWithOrphans("acme")
			w.applyAgain(before)
		}},
		{"another session waits for the name, and is older than the restored one", func(w *world) {
			w.controller.stop()
			before := w.Get("acme")
			w.Delete(before)
			w.Session("zeta", builders.SecretName("acme"))
			w.setOwners("acme")
			w.applyAgain(before)
			w.run()
			w.Reaches("zeta", v1alpha1.ConditionStalled, v1alpha1.ReasonSecretConflict)
		}},
		{"the namespace is restored without references", func(w *world) { w.restoreNamespace() }},
	} {
		for _, shown := range []v1alpha1.URLInStatus{v1alpha1.URLInStatusFull, v1alpha1.URLInStatusHidden} {
			t.Run(row.name+", "+string(shown), func(t *testing.T) {
				t.Parallel()
				w := newRunningWorld(t)
				w.issued("acme", builders.URLInStatus(shown))
				w.passFloor()
				mounted := w.Secret("acme").Data
				w.staysReady("acme")
				w.calls.since()
				row.lose(w)
				w.Eventually("the session alone owns the Secret", func() string {
					return cmp.Diff([]types.UID{w.Get("acme").UID}, ownersOf(w.Secret("acme")))
				})
				w.Ready("acme")
				w.clock.Step(10 * time.Minute)
				w.waitForRequests(1)
				if diff := cmp.Diff([]string{updateSecret}, writesOfSecrets(w.calls.since())); diff != "" {
					t.Errorf("writes of Secrets (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(mounted, w.Secret("acme").Data); diff != "" {
					t.Error("what pods mount has changed")
				}
				w.Reaches("acme", v1alpha1.ConditionRenewalFailing, "")
			})
		}
	}
}

// TestSecretWhoseOwnerIsNotLostIsLeftAlone: what bears our labels is not ours by that.
func TestSecretWhoseOwnerIsNotLostIsLeftAlone(t *testing.T) {
	t.Parallel()
	for shard, name := range map[string]string{"1": "another living session", "2": "a living session of another controller"} {
		t.Run(name+" owns it", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.GiveKey("key", w.Key)
			w.options.SessionSelector = labels.SelectorFromSet(labels.Set{"shard": "1"})
			w.run()
			w.issued("acme", builders.Labelled("shard", "1"))
			w.passFloor()
			w.controller.stop()
			other := w.Session("other", builders.Labelled("shard", shard), builders.Suspended())
			w.setOwners("acme", ownerNamed("other", other.UID))
			taken := w.Secret("acme")
			w.calls.since()
			w.run()
			w.Reaches("acme", v1alpha1.ConditionReady, v1alpha1.ReasonSecretConflict)
			w.Reaches("acme", v1alpha1.ConditionStalled, v1alpha1.ReasonSecretConflict)
			w.clock.Step(10 * time.Minute)
			w.waitForRequests(1)
			if diff := cmp.Diff(taken, w.Secret("acme")); diff != "" {
				t.Error("it was touched")
			}
			if made := writesOfSecrets(w.calls.since()); len(made) > 0 {
				t.Errorf("writes were tried: %v", made)
			}
		})
	}
}

// setOwners replaces the owner references of a Secret.
func (w *world) setOwners(name string, owners ...metav1.OwnerReference) {
	w.T.Helper()
	w.editSecret(name, func(s *corev1.Secret) { s.OwnerReferences = owners })
}

func ownerNamed(name string, uid types.UID) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.Kind, Name: name, UID: uid}
}

func ownersOf(s *corev1.Secret) (uids []types.UID) {
	for _, owner := range s.OwnerReferences {
		uids = append(uids, owner.UID)
	}
	return uids
}

func writesOfSecrets(made []string) []string {
	return slices.DeleteFunc(made, func(what string) bool { return what != createSecret && what != updateSecret && what != patchSecret })
}

// applyAgain creates a session anew from its manifest.
func (w *world) applyAgain(before *v1alpha1.BillingSession) *v1alpha1.BillingSession {
	w.T.Helper()
	after := &v1alpha1.BillingSession{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: before.Name}, Spec: before.Spec}
	w.Create(after)
	return after
}

// deleteWithOrphans plays the garbage collector, which takes the references away before it
// lets the session go.
func (w *world) deleteWithOrphans(name string) {
	w.T.Helper()
	w.andPass(name, func() { w.Delete(w.Get(name), client.PropagationPolicy(metav1.DeletePropagationOrphan)) })
	if finalizers := w.Get(name).Finalizers; !slices.Contains(finalizers, metav1.FinalizerOrphanDependents) {
		w.T.Fatalf("nobody waits for the garbage collector: %v", finalizers)
	}
	w.setOwners(name)
	w.rest()
	if owners := ownersOf(w.Secret(name)); owners != nil {
		w.T.Errorf("a session that is being deleted took the Secret back")
	}
	w.edit(name, func(s *v1alpha1.BillingSession) { s.Finalizers = nil })
}

// restoreNamespace replaces all objects as Velero does: without status and owners, with other
// UIDs and with labels of its own.
func (w *world) restoreNamespace() {
	w.T.Helper()
	w.controller.stop()
	session := w.Get("acme")
	for _, name := range []string{"key", "acme"} {
		before := w.Secret(name)
		w.Delete(before)
		after := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: name, Labels: before.Labels, Annotations: before.Annotations},
			Data:       before.Data,
		}
		metav1.SetMetaDataLabel(&after.ObjectMeta, "velero.io/restore-name", "restore")
		w.Create(after)
	}
	w.Delete(session)
	w.applyAgain(session)
	w.run()
}
