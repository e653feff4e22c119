package integration

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// TestACopyOfAnotherSessionsSecretIsLeftAlone: replicators copy labels and annotations, too, and
// would copy it again and again.
func TestACopyOfAnotherSessionsSecretIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world, *corev1.Secret){
		"as it was":                      func(*world, *corev1.Secret) {},
		"with the owner of the original": func(w *world, s *corev1.Secret) { s.OwnerReferences = w.Secret("acme").OwnerReferences },
		"with a finalizer":               func(_ *world, s *corev1.Secret) { s.Finalizers = []string{"example.com/replicator"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := newRunningWorld(t), newRunningWorld(t)
			from.issued("acme")
			to.clock.SetTime(from.clock.Now())
			copied := copyOf(from.Secret("acme"), to.Namespace)
			change(from, copied)
			to.Create(copied)
			before := to.Secret("acme")
			to.Session("acme", builders.Expiration(86400))
			reason := v1alpha1.ReasonSecretConflict
			if len(copied.OwnerReferences) > 0 { // nobody can tell it from one of a deleted session
				reason = v1alpha1.ReasonAwaitingCollection
			}
			to.Reaches("acme", v1alpha1.ConditionReady, reason)
			to.clock.Step(10 * time.Minute)
			to.waitForRequests(0)
			if diff := cmp.Diff(before, to.Secret("acme")); diff != "" {
				t.Error("it was touched")
			}
			to.editSecret("acme", func(s *corev1.Secret) { s.Finalizers = nil })
			to.Delete(to.Secret("acme"))
			to.holdsGrant(to.Ready("acme"))
		})
	}
}

// TestASecretRestoredElsewhereIsTakenBack if the key came along: a namespace may be restored under
// another name.
func TestASecretRestoredElsewhereIsTakenBack(t *testing.T) {
	t.Parallel()
	from, to := newRunningWorld(t), newWorld(t)
	from.issued("acme")
	to.clock.SetTime(from.clock.Now())
	to.URL = from.URL
	to.Create(copyOf(from.Secret("acme"), to.Namespace))
	to.Session("acme", builders.Expiration(86400))
	to.run()
	to.Reaches("acme", v1alpha1.ConditionReady, v1alpha1.ReasonSecretConflict) // there is no key yet
	to.GiveKey("key", from.Key)
	to.Ready("acme")
	if owners := ownersOf(to.Secret("acme")); len(owners) != 1 || owners[0] != to.Get("acme").UID || to.URLIn("acme") != from.URLIn("acme") {
		t.Errorf("it is of %v", owners)
	}
	from.waitForRequests(1)
}

// copyOf is what replicators make of a Secret.
func copyOf(s *corev1.Secret, namespace string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: s.Name, Labels: s.Labels, Annotations: s.Annotations},
		Data:       s.Data, Type: s.Type,
	}
}
