package integration

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// TestALargeSessionIsServedAsAnyOther has the longest template that there can be.
func TestALargeSessionIsServedAsAnyOther(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.issued("acme", builders.LongestTemplate("😀"))
	w.rest()
	w.expectTemplate("a first issue")
	w.expectWrites("a first issue", createSecret, patchStatus)
	keys := slices.Sorted(maps.Keys(w.Get("acme").Spec.SecretTemplate.Annotations))
	for _, row := range []struct {
		what   string
		change func()
		writes []string
	}{
		{"a value of the template is edited", func() {
			w.edit("acme", func(s *v1alpha1.BillingSession) { s.Spec.SecretTemplate.Annotations[keys[0]] = "edited" })
		}, []string{updateSecret, patchStatus}},
		{"an entry of the template is dropped", func() {
			w.edit("acme", func(s *v1alpha1.BillingSession) { delete(s.Spec.SecretTemplate.Annotations, keys[0]) })
		}, []string{updateSecret, patchStatus}},
		{"an annotation of the Secret is edited", func() {
			w.editSecret("acme", func(s *corev1.Secret) { s.Annotations[keys[1]] = "edited" })
		}, []string{updateSecret}},
		{"the URL in the Secret is edited", func() {
			w.editSecret("acme", func(s *corev1.Secret) { s.Data["url"] = []byte("https://example.com/") })
		}, []string{updateSecret}},
		{"ten minutes pass", func() { w.clock.Step(10 * time.Minute) }, nil},
		{"the operator is restarted", w.restart, nil},
	} {
		w.andPass("acme", row.change)
		w.expectTemplate(row.what)
		w.expectWrites(row.what, row.writes...)
	}
	w.holdsGrant(w.Get("acme"))
	w.waitForRequests(1)
}

// expectTemplate holds that the Secret has what the template says, and what the controller
// adds.
func (w *world) expectTemplate(after string) {
	w.T.Helper()
	secret, template := w.Secret("acme"), w.Get("acme").Spec.SecretTemplate
	for key, value := range template.Labels {
		if secret.Labels[key] != string(value) {
			w.T.Errorf("%s: label %s is %q", after, key, secret.Labels[key])
		}
	}
	want := map[string]string{}
	for key, value := range template.Annotations {
		want[key] = string(value)
	}
	maps.DeleteFunc(secret.Annotations, func(key, _ string) bool { return strings.HasPrefix(key, v1alpha1.GroupVersion.Group+"/") })
	if diff := cmp.Diff(want, secret.Annotations); diff != "" {
		w.T.Errorf("%s: annotations (-template +Secret):\n%s", after, diff)
	}
}

// expectWrites holds which writes were made since the last time.
func (w *world) expectWrites(after string, want ...string) {
	w.T.Helper()
	if made := writesOf(w.calls.since()); !slices.Equal(made, want) {
		w.T.Errorf("%s: written %q, want %q", after, made, want)
	}
}
