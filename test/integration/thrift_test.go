package integration

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// TestWhatSpendsARequest makes changes to a session that has a URL for a day.
func TestWhatSpendsARequest(t *testing.T) {
	t.Parallel()
	metadata := func(change func(*corev1.Secret)) func(*world) {
		return func(w *world) { w.editSecret("acme", change) }
	}
	edit := func(change func(*v1alpha1.BillingSession)) func(*world) {
		return func(w *world) { w.edit("acme", change) }
	}
	for _, row := range []struct {
		name, why string
		requests  int
		change    func(*world)
	}{
		{"the entry that an older API filled in is left out", "it is the default", 0, edit(builders.KeyEntry(""))},
		{"labels are edited", "they are other tools' business", 0, func(w *world) {
			w.edit("acme", builders.Labelled("team", "a"))
			w.poke("acme")
		}},
		{"data is changed", "the status still holds the URL", 0, metadata(func(s *corev1.Secret) { s.Data["url"] = []byte("https://example.com") })},
		{"expire is not a number", "the status still holds the URL", 0, metadata(func(s *corev1.Secret) { s.Data["expire"] = []byte("soon") })},
		{"data has another entry", "the Secret holds two entries and nothing else", 0, metadata(func(s *corev1.Secret) { s.Data["more"] = []byte("x") })},
		{"data is gone", "the status still holds the URL", 0, metadata(func(s *corev1.Secret) { s.Data = nil })},
		{"an annotation is garbled", "the digest shows it", 0, metadata(func(s *corev1.Secret) { s.Annotations["billing.xtracta.com/issue-time"] = "x" })},
		{"all annotations are gone", "the status still holds the URL", 0, metadata(func(s *corev1.Secret) { s.Annotations = nil })},
		{"the managed-by label is removed", "its owner tells whose it is", 0,
			metadata(func(s *corev1.Secret) { delete(s.Labels, v1alpha1.LabelManagedBy) })},
		{"the managed-by label is removed under a hidden URL", "the Secret still holds the URL", 0, func(w *world) {
			w.edit("acme", builders.Hidden())
			w.rest()
			w.editSecret("acme", func(s *corev1.Secret) { delete(s.Labels, v1alpha1.LabelManagedBy) })
		}},
		{"the session label is removed", "it is put back", 0, metadata(func(s *corev1.Secret) { delete(s.Labels, v1alpha1.LabelSession) })},
		{"the Secret is deleted", "the status still holds the URL", 0, func(w *world) { w.Delete(w.Secret("acme")) }},
		{"the key is applied again", "another version of the same value", 0, func(w *world) {
			w.editSecret("key", func(s *corev1.Secret) { s.Labels = map[string]string{"applied": "again"} })
		}},
		{"the key's Secret gets another entry", "another version of the same value", 0, func(w *world) {
			w.editSecret("key", func(s *corev1.Secret) { s.Data["other"] = []byte("x") })
		}},
		{"the key gets a line break", "white space around it is not sent", 0, func(w *world) { w.GiveKey("key", "\n"+w.Key+"\n") }},
		{"the key's Secret is replaced by one of the same value", "another UID, the same key", 0, func(w *world) {
			w.Delete(w.Secret("key"))
			w.GiveKey("key", w.Key)
		}},
		{"the key's Secret is deleted", "what works, works without it", 0, func(w *world) { w.Delete(w.Secret("key")) }},
		{"the key becomes impossible", "what works, works without it", 0, func(w *world) { w.GiveKey("key", "a\x01b") }},
		{"the URL is hidden", "the Secret has it", 0, edit(builders.Hidden())},
		{"renewBeforeSeconds changes", "renewal is not due by that", 0, edit(builders.RenewBefore(3600))},
		{"a template is added", "labels cost no request", 0,
			edit(builders.Template(map[string]v1alpha1.LabelValue{"a": "b"}, map[string]v1alpha1.AnnotationValue{"c": "d"}))},
		{"it is suspended", "nothing is asked for", 0, edit(builders.Suspended())},
		{"the controller starts anew", "all is in the Secret and the status", 0, (*world).restart},
		{"the Secret is edited while nobody looks", "the status has it", 0, func(w *world) {
			w.controller.stop()
			w.editSecret("acme", func(s *corev1.Secret) { s.Data = nil })
			w.run()
		}},
		{"the Secret is deleted while nobody looks", "the status has it", 0, func(w *world) {
			w.controller.stop()
			w.Delete(w.Secret("acme"))
			w.run()
		}},
		{"the key is applied again while nobody looks", "its fingerprint in the Secret is the same", 0, func(w *world) {
			w.controller.stop()
			w.editSecret("key", func(s *corev1.Secret) { s.Labels = map[string]string{"applied": "again"} })
			w.run()
		}},

		{"renewal is due by renewBeforeSeconds", "the margin begins at once", 1, edit(func(s *v1alpha1.BillingSession) {
			s.Spec.RenewBeforeSeconds = ptr.To[int32](86400 * 4 / 5)
		})},
		{"purge changes", "the page behaves otherwise", 1, edit(builders.Purge(v1alpha1.PurgeProcess))},
		{"the expiry changes", "another life is wanted", 1, edit(builders.Expiration(7200))},
		{"the key changes", "another group's page", 1, func(w *world) {
			w.giveAnotherKey("key", "another")
		}},
		{"the key changes while nobody looks", "another group's page", 1, func(w *world) {
			w.controller.stop()
			w.giveAnotherKey("key", "another")
			w.run()
		}},
		{"another key's Secret is named", "it holds another key", 1, func(w *world) {
			w.giveAnotherKey("other", "another")
			w.edit("acme", builders.KeySecret("other"))
		}},
		{"a new renew token", "somebody wants a fresh one", 1, func(w *world) { w.RequestRenewal("acme", "now") }},
		{"deleted while its key was applied again", "the status cannot tell whether the key is the same", 1, func(w *world) {
			w.controller.stop()
			w.Delete(w.Secret("acme"))
			w.editSecret("key", func(s *corev1.Secret) { s.Labels = map[string]string{"applied": "again"} })
			w.run()
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			w.issued("acme")
			if row.name == "renewal is due by renewBeforeSeconds" {
				w.clock.Step(5 * time.Hour)
			}
			w.passFloor()
			w.andPass("acme", func() { row.change(w) })
			w.waitForRequests(1 + row.requests)
			w.clock.Step(time.Minute)
			w.waitForRequests(1 + row.requests)
			if url := w.URLIn("acme"); row.requests == 0 && url != w.Standin.Grants(w.Key)[0].URL {
				t.Errorf("the Secret does not hold the URL that was granted")
			}
		})
	}
}

func TestHiddenURLIsShownAgainWithoutARequest(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	first := w.issued("acme")
	w.edit("acme", builders.Hidden())
	w.Eventually("the URL leaves the status", func() string { return w.Get("acme").Status.URL })
	w.passFloor()
	w.edit("acme", func(s *v1alpha1.BillingSession) { s.Spec.URLInStatus = v1alpha1.URLInStatusFull })
	env.Until(t, "the URL returns", func() bool { return w.Get("acme").Status.URL == first.Status.URL })
	w.waitForRequests(1)
}

func TestHiddenSessionSpendsOneRequestOnADeletedSecret(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.issued("acme", builders.Hidden())
	w.passFloor()
	before := w.URLIn("acme")
	w.Delete(w.Secret("acme"))
	w.waitForNewURL("acme", before)
	w.waitForRequests(2)
	w.Eventually("no URL in the status", func() string { return w.Get("acme").Status.URL })
}

func TestURLThatIsHiddenWhileItsSecretIsGoneIsNotLost(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	first := w.issued("acme")
	w.passFloor()
	w.controller.stop()
	w.Delete(w.Secret("acme"))
	w.edit("acme", builders.Hidden())
	w.run()
	w.waitForURL("acme", first.Status.URL)
	w.Eventually("no URL in the status", func() string { return w.Get("acme").Status.URL })
	w.waitForRequests(1)
}

func TestTemplateIsFollowedAndWhatOthersAddedStays(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.issued("acme", builders.Template(
		map[string]v1alpha1.LabelValue{"keep": "1", "drop": "1"}, map[string]v1alpha1.AnnotationValue{"note": "1", "gone": "1"}))
	w.editSecret("acme", func(s *corev1.Secret) { s.Labels["others"], s.Annotations["others"] = "label", "annotation" })
	w.rest()
	holds := func(labels, annotations string) {
		t.Helper()
		w.Eventually("the Secret's metadata", func() string {
			l, a := w.Secret("acme").Labels, w.Secret("acme").Annotations
			return cmp.Diff([]string{labels, annotations}, []string{l["keep"] + l["drop"] + l["others"], a["note"] + a["gone"] + a["others"]})
		})
	}
	holds("11label", "11annotation")
	w.edit("acme", builders.Template(
		map[string]v1alpha1.LabelValue{"keep": "2"}, map[string]v1alpha1.AnnotationValue{"note": "2"}))
	holds("2label", "2annotation")
	w.edit("acme", func(s *v1alpha1.BillingSession) { s.Spec.SecretTemplate = nil })
	holds("label", "annotation")
	w.waitForRequests(1)
}

func TestRemovedOwnerMakesTheSecretForeign(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	first := w.issued("acme")
	w.passFloor()
	w.editSecret("acme", func(s *corev1.Secret) {
		s.OwnerReferences = nil
		s.Data["url"] = []byte("https://example.com")
	})
	w.Reaches("acme", v1alpha1.ConditionReady, v1alpha1.ReasonSecretConflict)
	w.clock.Step(first.Status.ExpirationTime.Sub(w.clock.Now()) + time.Minute)
	w.Eventually("the URL leaves the status", func() string { return w.Get("acme").Status.URL })
	w.waitForRequests(1)
	if got := w.URLIn("acme"); got != "https://example.com" {
		t.Errorf("a Secret that is not ours was written")
	}
}
