package api_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// The longest spec must be accepted, within the API server's budget for rules, and
// a Secret must be able to carry the longest template: else the controller could
// never write it.
func TestLongestSpec(t *testing.T) {
	longest := builders.Session(strings.Repeat("n", 63), builders.In(metav1.NamespaceDefault), builders.LongestTemplate(),
		builders.KeySecret(strings.Repeat("k", 253)), builders.KeyEntry(strings.Repeat("e", 253)), builders.SecretName(strings.Repeat("s", 253)),
		builders.Purge(v1alpha1.PurgeProcess), builders.Expiration(259200), builders.RenewBefore(207360), builders.Hidden(), builders.Suspended())
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(longest)
	if err != nil {
		t.Fatal(err)
	}
	created := read(t, create(t, &unstructured.Unstructured{Object: content}))

	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: created.Namespace, Name: *created.Spec.SecretName,
		Labels: map[string]string{}, Annotations: map[string]string{},
	}}
	for key, value := range created.Spec.SecretTemplate.Labels {
		secret.Labels[key] = string(value)
	}
	for key, value := range created.Spec.SecretTemplate.Annotations {
		secret.Annotations[key] = string(value)
	}
	secret.Annotations["billing.xtracta.com/room-for-our-own"] = strings.Repeat("a", 64<<10)
	if err := env.Kube(t).Create(t.Context(), secret, client.DryRunAll); err != nil {
		t.Errorf("a Secret cannot carry the longest template: %v", err)
	}
}
