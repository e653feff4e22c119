package apikey

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// The API server does not fill in the entry, and filled it in before: both are one key, or a session would be
// asked for anew.
func TestEntryThatIsLeftOutIsTheDefault(t *testing.T) {
	for entry, want := range map[string]string{"": "api-key", "api-key": "api-key", "xtracta": "xtracta"} {
		session := &v1alpha1.BillingSession{Spec: v1alpha1.BillingSessionSpec{
			APIKeySecretRef: v1alpha1.SecretKeyReference{Name: "key", Key: entry},
		}}
		session.Namespace = "finance"
		if got := RefOf(session); got != (Ref{types.NamespacedName{Namespace: "finance", Name: "key"}, want}) {
			t.Errorf("with the entry %q, the key is in %+v, want the entry %q", entry, got, want)
		}
	}
}
