package apikey

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/test/env/builders"
)

func refTo(name, entry string) Ref {
	return Ref{types.NamespacedName{Namespace: "finance", Name: name}, entry}
}

// TestAKeyIsReadOnceForEachVersion, and for a watch that is late not again.
func TestAKeyIsReadOnceForEachVersion(t *testing.T) {
	t.Parallel()
	secret := builders.KeySecretOf("finance", "key", "123")
	secret.UID, secret.ResourceVersion = "uid", "100"
	cache := NewCache(fake.NewClientBuilder().WithObjects(secret).Build(), clocktesting.NewFakePassiveClock(time.Unix(1, 0)))
	read, err := cache.Load(t.Context(), refTo("key", "api-key"), Version{"uid", "90"})
	if err != nil || read.Version.ResourceVersion != "100" {
		t.Fatalf("%+v %v", read, err)
	}
	for _, row := range []struct {
		why  string
		seen Version
		want renewal.KeyState
	}{
		{"the watch is late", Version{"uid", "90"}, renewal.KeyRead},
		{"the version that was read", Version{"uid", "100"}, renewal.KeyRead},
		{"a later one", Version{"uid", "110"}, renewal.KeyUnread},
		{"another Secret", Version{"other", "90"}, renewal.KeyUnread},
	} {
		if got := cache.Lookup(refTo("key", "api-key"), &row.seen).State; got != row.want {
			t.Errorf("%s: state %d, want %d", row.why, got, row.want)
		}
	}
}

// TestAKeyIsForgottenOnceNobodyUsesIt: its Secret may be gone.
func TestAKeyIsForgottenOnceNobodyUsesIt(t *testing.T) {
	t.Parallel()
	used, unused := builders.KeySecretOf("finance", "used", "123"), builders.KeySecretOf("finance", "unused", "456")
	clock := clocktesting.NewFakePassiveClock(time.Unix(1, 0))
	cache := NewCache(fake.NewClientBuilder().WithObjects(used, unused).Build(), clock)
	seen := Version{ResourceVersion: "999"} // the client of the test counts from there
	for _, name := range []string{"used", "unused"} {
		if status, err := cache.Load(t.Context(), refTo(name, "api-key"), seen); err != nil || status.State != renewal.KeyRead {
			t.Fatalf("%+v %v", status, err)
		}
	}
	for range 12 {
		clock.SetTime(clock.Now().Add(keyLife / 4))
		if got := cache.Lookup(refTo("used", "api-key"), &seen).State; got != renewal.KeyRead {
			t.Fatalf("the key in use has the state %d, want %d", got, renewal.KeyRead)
		}
	}
	held := 0
	cache.keys.RemoveAll(func(any) bool { held++; return false })
	if held != 1 {
		t.Errorf("%d keys are remembered, want 1", held)
	}
}

// A session must not be a way to send other systems' credentials somewhere.
func TestOnlySecretsForKeysAreRead(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		secretType corev1.SecretType
		want       renewal.KeyState
	}{
		{"", renewal.KeyRead},
		{corev1.SecretTypeOpaque, renewal.KeyRead},
		{"example.com/api-key", renewal.KeyRead},
		{"kubernetes.io", renewal.KeyRead},
		{corev1.SecretTypeBasicAuth, renewal.KeyInvalid},
		{corev1.SecretTypeSSHAuth, renewal.KeyInvalid},
		{corev1.SecretTypeTLS, renewal.KeyInvalid},
		{corev1.SecretTypeDockercfg, renewal.KeyInvalid},
		{corev1.SecretTypeDockerConfigJson, renewal.KeyInvalid},
		{corev1.SecretTypeServiceAccountToken, renewal.KeyInvalid},
		{corev1.SecretTypeBootstrapToken, renewal.KeyInvalid},
		{"kubernetes.io/not-yet-thought-of", renewal.KeyInvalid},
	} {
		secret := builders.KeySecretOf("finance", "key", "123")
		secret.Type = row.secretType
		got := parse(refTo("key", "api-key"), secret)
		if got.State != row.want {
			t.Errorf("type %q: state %d, want %d", row.secretType, got.State, row.want)
		}
		if row.want == renewal.KeyInvalid && (!got.Key.IsZero() || got.Problem.Type != row.secretType) {
			t.Errorf("type %q: %+v", row.secretType, got)
		}
	}
}

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
