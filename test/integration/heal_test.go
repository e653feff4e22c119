package integration

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// TestWatchesHealAtOnce breaks what a session depends on, and mends it: the session follows
// while time stands still, so without any of the waits that a retry has.
func TestWatchesHealAtOnce(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		prepare func(*world)
		reason  string // of Ready before
		mend    func(*world)
	}{
		{"the key's Secret appears", func(*world) {}, v1alpha1.ReasonKeySecretMissing, func(w *world) { w.GiveKey("key", w.Key) }},
		{"the key's entry appears", func(w *world) {
			w.Create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "key"}})
		}, v1alpha1.ReasonKeySecretMissing, func(w *world) { w.GiveKey("key", w.Key) }},
		{"the key is corrected", func(w *world) { w.GiveKey("key", "wrong") }, v1alpha1.ReasonRejected, func(w *world) { w.GiveKey("key", w.Key) }},
		{"another Secret is named", func(w *world) {
			w.GiveKey("key", "wrong")
			w.GiveKey("right", w.Key)
		}, v1alpha1.ReasonRejected, func(w *world) { w.edit("acme", builders.KeySecret("right")) }},
		{"a foreign Secret is deleted", func(w *world) {
			w.GiveKey("key", w.Key)
			w.Create(builders.ForeignSecret(w.Namespace, "acme"))
		}, v1alpha1.ReasonSecretConflict, func(w *world) { w.Delete(w.Secret("acme")) }},
		{"it is resumed", func(w *world) {
			w.GiveKey("key", w.Key)
		}, v1alpha1.ReasonSuspended, func(w *world) { w.edit("acme", resumed) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			row.prepare(w)
			w.run()
			w.Session("acme", func(s *v1alpha1.BillingSession) { s.Spec.Suspend = row.reason == v1alpha1.ReasonSuspended })
			w.Reaches("acme", v1alpha1.ConditionReady, row.reason)
			w.passFloor()
			w.clock.Stop()
			row.mend(w)
			w.Ready("acme")
		})
	}
}

// TestSecretThatIsDeletedAtOnceIsRestored deletes the first Secret as soon as it is
// there, before or after any cache or status shows it.
func TestSecretThatIsDeletedAtOnceIsRestored(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.Session("acme", builders.Expiration(86400))
	env.Until(t, "the first Secret", func() bool { return w.Secret("acme") != nil })
	w.Delete(w.Secret("acme"))
	w.waitForRequests(1)
	w.waitForURL("acme", w.Standin.Grants(w.Key)[0].URL)
}
