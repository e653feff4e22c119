package api_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

const samples = "../../config/samples"

// allowed is a spec that both sample policies allow.
const allowed = `urlInStatus: Hidden`

func TestSamplePolicies(t *testing.T) {
	if !refusesNothing(t) {
		t.Fatal("something else refuses sessions already")
	}
	before := create(t, session(t, "acme", `{expirationSeconds: 259200, secretTemplate: {labels: {grafana_dashboard: "1"}}}`))

	t.Run("while they are there", func(t *testing.T) {
		installPolicies(t)
		env.Until(t, "both are enforced", func() bool { return refusesBoth(t) })

		t.Run("secretTemplate", testTemplatePolicy)
		t.Run("bounds", testBoundsPolicy)
		t.Run("an exempt namespace", testExemptNamespace)
		t.Run("the full sample is allowed", func(t *testing.T) {
			full := readManifests(t, "full.yaml")[0]
			if err := env.Kube(t).Create(t.Context(), inNamespace(t, full), client.DryRunAll, client.FieldValidation("Strict")); err != nil {
				t.Error(err)
			}
		})
		t.Run("a session from before", func(t *testing.T) { testPoliciesLeaveAlone(t, before) })
	})
	env.Until(t, "the API server has forgotten both, for the other tests", func() bool { return refusesNothing(t) })
}

func refusesNothing(t *testing.T) bool {
	return dryRun(t, ``) == nil && dryRun(t, allowed+"\nsecretTemplate: {labels: {x: x}}") == nil
}

func refusesBoth(t *testing.T) bool {
	return dryRun(t, ``) != nil && dryRun(t, allowed+"\nsecretTemplate: {labels: {x: x}}") != nil
}

func testExemptNamespace(t *testing.T) {
	s := inNamespace(t, session(t, "acme", `secretTemplate: {labels: {grafana_dashboard: "1"}}`))
	label := []byte(`{"metadata": {"labels": {"billing-policies.example.com/exempt": ""}}}`)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.GetNamespace()}}
	if err := env.Kube(t).Patch(t.Context(), namespace, client.RawPatch(types.MergePatchType, label)); err != nil {
		t.Fatal(err)
	}
	env.Eventually(t, "the namespace is exempt", func() string {
		return env.Unless(env.Kube(t).Create(t.Context(), s.DeepCopy(), client.DryRunAll) == nil, "not yet")
	})
}

func testTemplatePolicy(t *testing.T) {
	for _, key := range []string{"grafana_dashboard", "example.com.attacker.org/x", "notexample.com/x"} {
		expectTemplate(t, key, "remove '"+key+"'")
	}
	for _, key := range []string{"example.com/team", "app.kubernetes.io/part-of"} {
		expectTemplate(t, key, "")
	}
	t.Run("each key is named", func(t *testing.T) {
		err := dryRun(t, allowed+"\nsecretTemplate: {labels: {b: x, example.com/a: x}, annotations: {c: x}}")
		checkRefusal(t, err, []string{"keys in `spec.secretTemplate` must begin with 'app.kubernetes.io/' or 'example.com/' in this cluster; remove 'b', 'c'"})
	})
	t.Run("nor that it has keys", func(t *testing.T) { checkRefusal(t, dryRun(t, allowed+"\nsecretTemplate: {}"), nil) })
}

func expectTemplate(t *testing.T, key, refused string) {
	t.Helper()
	for _, kind := range []string{"labels", "annotations"} {
		t.Run(kind+" "+key, func(t *testing.T) {
			err := dryRun(t, allowed+"\nsecretTemplate: {"+kind+": {"+key+`: "x"}}`)
			if refused == "" {
				checkRefusal(t, err, nil)
				return
			}
			checkRefusal(t, err, []string{"billingsession-secret-template", refused})
		})
	}
}

func testBoundsPolicy(t *testing.T) {
	life := []string{"billingsession-bounds", "`spec.expirationSeconds` must be at least 300 and at most 3600 in this cluster"}
	hidden := []string{"billingsession-bounds", "`spec.urlInStatus` must be 'Hidden' in this cluster"}
	for _, row := range []struct {
		spec    string
		refused []string
	}{
		{`{urlInStatus: Hidden, expirationSeconds: 300}`, nil},
		{`{urlInStatus: Hidden, expirationSeconds: 3600}`, nil},
		{`{urlInStatus: Hidden, expirationSeconds: 299}`, life},
		{`{urlInStatus: Hidden, expirationSeconds: 3601}`, life},
		{`{urlInStatus: Full}`, hidden},
		{``, hidden},
	} {
		t.Run(row.spec, func(t *testing.T) { checkRefusal(t, dryRun(t, row.spec), row.refused) })
	}
}

// testPoliciesLeaveAlone checks what must go on for a session that no policy would
// let in today: its status, a renewal that somebody asks for, its correction and its end.
func testPoliciesLeaveAlone(t *testing.T, s *unstructured.Unstructured) {
	stored := read(t, s)
	stored.Status = fullStatus()
	if err := env.Kube(t).Status().Update(t.Context(), stored); err != nil {
		t.Errorf("the controller cannot write the status: %v", err)
	}
	metav1.SetMetaDataAnnotation(&stored.ObjectMeta, v1alpha1.AnnotationRenewRequestedAt, "now")
	if err := env.Kube(t).Update(t.Context(), stored); err != nil {
		t.Errorf("nobody can ask for a renewal: %v", err)
	}
	stored = read(t, s)
	stored.Spec.Suspend = true
	checkRefusal(t, env.Kube(t).Update(t.Context(), stored), []string{"denied request"})
	stored.Spec = v1alpha1.BillingSessionSpec{
		APIKeySecretRef: stored.Spec.APIKeySecretRef, ExpirationSeconds: 600, URLInStatus: v1alpha1.URLInStatusHidden,
	}
	if err := env.Kube(t).Update(t.Context(), stored); err != nil {
		t.Errorf("the session cannot be corrected: %v", err)
	}
	if err := env.Kube(t).Delete(t.Context(), stored); err != nil {
		t.Errorf("the session cannot be deleted: %v", err)
	}
}

// dryRun asks the API server, without storing anything, whether a spec is accepted.
func dryRun(t *testing.T, spec string) error {
	t.Helper()
	return env.Kube(t).Create(t.Context(), session(t, "acme", spec), client.DryRunAll, client.FieldValidation("Strict"))
}

// installPolicies applies the sample policies until the test ends.
func installPolicies(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(samples, "policies", "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var kustomization struct{ Resources []string }
	if err := yaml.Unmarshal(text, &kustomization); err != nil {
		t.Fatal(err)
	}
	strict := client.WithFieldValidation(env.Kube(t), metav1.FieldValidationStrict)
	for _, file := range kustomization.Resources {
		for _, object := range readManifests(t, filepath.Join("policies", file)) {
			if err := strict.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := env.Kube(t).Delete(context.Background(), object); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func readManifests(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	opened, err := os.Open(filepath.Join(samples, file))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	objects, err := manifests.Parse(opened)
	if err != nil || len(objects) == 0 {
		t.Fatalf("%s holds %d objects (%v)", file, len(objects), err)
	}
	return objects
}
