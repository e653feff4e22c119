package api_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
)

// Two field managers that apply one session must never make a reference that
// neither of them asked for: it could name the entry of another system's Secret.
func TestKeyReferenceIsAppliedAsAWhole(t *testing.T) {
	rows := []struct {
		why           string
		first, second string
		want          v1alpha1.SecretKeyReference
	}{
		{why: "the entry that the first one named goes with its name",
			first: `apiKeySecretRef: {name: old, key: xtracta}`, second: `apiKeySecretRef: {name: new}`,
			want: v1alpha1.SecretKeyReference{Name: "new"}},
		{why: "the default entry that was stored before goes, too",
			first: `apiKeySecretRef: {name: same, key: api-key}`, second: `apiKeySecretRef: {name: same}`,
			want: v1alpha1.SecretKeyReference{Name: "same"}},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			namespace := inNamespace(t, session(t, "acme", ``)).GetNamespace()
			if err := apply(t, namespace, "first", row.first); err != nil {
				t.Fatal(err)
			}
			if err := apply(t, namespace, "second", row.second); !apierrors.IsConflict(err) {
				t.Errorf("the second manager's answer is %v, want a conflict", err)
			}
			if err := apply(t, namespace, "second", row.second, client.ForceOwnership); err != nil {
				t.Fatal(err)
			}
			got := read(t, named(namespace))
			if diff := cmp.Diff(row.want, got.Spec.APIKeySecretRef); diff != "" {
				t.Errorf("reference (-want +got):\n%s", diff)
			}
		})
	}
}

// GitOps tools apply the same text all day. The entry that the API server fills in
// must not make that a change.
func TestApplyingTheSameAgainChangesNothing(t *testing.T) {
	namespace := inNamespace(t, session(t, "acme", ``)).GetNamespace()
	var versions []string
	for range 3 {
		if err := apply(t, namespace, "first", `apiKeySecretRef: {name: acme-key}`); err != nil {
			t.Fatal(err)
		}
		got := read(t, named(namespace))
		if got.Generation != 1 {
			t.Errorf("the spec is taken for changed: generation %d", got.Generation)
		}
		versions = append(versions, got.ResourceVersion)
	}
	// The second time the API server only notes who manages the defaults.
	if versions[1] != versions[2] {
		t.Errorf("the same was applied three times, and the versions are %q", versions)
	}
}

// Labels and annotations of the template stay a map of independent entries, as they
// are in Kubernetes: each tool adds its own.
func TestTemplatesOfTwoManagersAreMerged(t *testing.T) {
	namespace := inNamespace(t, session(t, "acme", ``)).GetNamespace()
	for _, row := range []struct{ manager, spec string }{
		{"first", `{apiKeySecretRef: {name: acme-key}, secretTemplate: {labels: {a: "1"}, annotations: {a: "1"}}}`},
		{"second", `secretTemplate: {labels: {b: "2"}, annotations: {b: "2"}}`},
	} {
		if err := apply(t, namespace, row.manager, row.spec); err != nil {
			t.Fatal(err)
		}
	}
	want := &v1alpha1.SecretTemplate{
		Labels:      map[string]v1alpha1.LabelValue{"a": "1", "b": "2"},
		Annotations: map[string]v1alpha1.AnnotationValue{"a": "1", "b": "2"},
	}
	if diff := cmp.Diff(want, read(t, named(namespace)).Spec.SecretTemplate); diff != "" {
		t.Errorf("template (-want +got):\n%s", diff)
	}
}

func named(namespace string) *unstructured.Unstructured {
	s := &unstructured.Unstructured{Object: map[string]any{}}
	s.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
	s.SetNamespace(namespace)
	s.SetName("acme")
	return s
}

// apply is kubectl apply --server-side with a field manager.
func apply(t *testing.T, namespace, manager, spec string, options ...client.ApplyOption) error {
	t.Helper()
	s := named(namespace)
	s.Object["spec"] = fields(t, spec)
	return env.Kube(t).Apply(t.Context(), client.ApplyConfigurationFromUnstructured(s), append(options, client.FieldOwner(manager))...)
}
