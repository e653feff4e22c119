package api_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env"
)

// keysAreReserved is a part of each refusal of a reserved key.
const keysAreReserved = "which are reserved"

// Keys of the template that mean something to the operator, to Kubernetes or to Argo
// CD are refused, however they are spelled; the labels that everybody selects by are not.
func TestReservedKeys(t *testing.T) {
	for _, key := range []string{
		"billing.xtracta.com/x", "a.billing.xtracta.com/x", "kubernetes.io/x", "a-1.b.c.kubernetes.io/x", "K8S.IO/x", "A.k8s.io/x",
		"argoproj.io/managed-by", "Argoproj.io/x",
		"app.kubernetes.io/managed-by", "app.kubernetes.io/instance", "app.kubernetes.io/Managed-By", "APP.KUBERNETES.IO/instance",
		"x.app.kubernetes.io/name", "notapp.kubernetes.io/name", "apps.kubernetes.io/name", "app.k8s.io/name", "X.App.kubernetes.io/name",
	} {
		expectKey(t, key, keysAreReserved)
	}
	for _, key := range []string{
		"notk8s.io/x", "kubernetes.io.example.com/x", "kubernetes/x", // only look alike
		"k8s.io", "example.com/k8s.io", "app.kubernetes.io", // names, not prefixes
		"app.kubernetes.io/name", "app.kubernetes.io/part-of", "app.kubernetes.io/managed-by-us", "app.kubernetes.io/instances",
		"app.kubernetes.io.example.com/name", "app.example.com/managed-by", "managed-by", "instance",
	} {
		expectKey(t, key, "")
	}
	t.Run("upper case is fine in the prefix of an annotation", func(t *testing.T) {
		if err := createTemplate(t, "annotations", "App.Kubernetes.IO/name"); err != nil {
			t.Error(err)
		}
	})
	t.Run("one reserved key among others is enough", func(t *testing.T) {
		err := createTemplate(t, "labels", "app.kubernetes.io/name", "team", "app.kubernetes.io/instance")
		checkRefusal(t, err, []string{"spec.secretTemplate.labels: ", keysAreReserved})
	})
}

// Whatever the template accepts, the API server must accept on a Secret; otherwise
// the controller finds out only when it writes.
func TestAcceptedKeysAreAcceptedOnSecrets(t *testing.T) {
	for _, key := range []string{
		"", "/", "a/", "/a", "a/b/c", "-a", "a-", "a_b", "a.", "ä", "a\n", "A.B/c", "a_b/c", "a-.b/c", "a..b/c", "app.kubernetes.io//name", "\u212A8s.io/x", "k8s.io\u200b/x",
		strings.Repeat("a", 64), strings.Repeat("a", 253) + "/b", strings.Repeat("a.", 127) + "a/b",
	} {
		for _, kind := range []string{"labels", "annotations"} {
			t.Run(kind+" "+key, func(t *testing.T) {
				if createTemplate(t, kind, key) != nil {
					return // refused early, where a person sees it
				}
				secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "acme"}}
				if kind == "labels" {
					secret.Labels = map[string]string{key: "x"}
				} else {
					secret.Annotations = map[string]string{key: "x"}
				}
				if err := env.Kube(t).Create(t.Context(), secret, client.DryRunAll); err != nil {
					t.Errorf("the template accepts %q, but a Secret does not: %v", key, err)
				}
			})
		}
	}
}

// expectKey holds labels and annotations alike to what is said of a key; it is
// accepted when refused is empty.
func expectKey(t *testing.T, key, refused string) {
	t.Helper()
	for _, kind := range []string{"labels", "annotations"} {
		t.Run(kind+" "+key, func(t *testing.T) {
			err := createTemplate(t, kind, key)
			if refused == "" {
				checkRefusal(t, err, nil)
				return
			}
			checkRefusal(t, err, []string{"spec.secretTemplate." + kind + ": ", refused})
		})
	}
}

// createTemplate asks the API server, without storing anything, whether a template
// with such keys is accepted.
func createTemplate(t *testing.T, kind string, keys ...string) error {
	t.Helper()
	values := map[string]any{}
	for _, key := range keys {
		values[key] = "x"
	}
	s := session(t, "acme", ``)
	s.Object["spec"].(map[string]any)["secretTemplate"] = map[string]any{kind: values}
	return env.Kube(t).Create(t.Context(), s, client.DryRunAll, client.FieldValidation("Strict"))
}
