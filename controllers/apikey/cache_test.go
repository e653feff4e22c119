package apikey

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/test/env/builders"
)

func refTo(name, entry string) Ref {
	return Ref{types.NamespacedName{Namespace: "finance", Name: name}, entry}
}

// TestKeysOfADeletedSecretAreEvicted: also when no session asks for them any more.
func TestKeysOfADeletedSecretAreEvicted(t *testing.T) {
	t.Parallel()
	secret := builders.KeySecretOf("finance", "key", "123")
	secret.Data["other"] = []byte("456")
	stays := builders.KeySecretOf("finance", "stays", "789")
	cache := NewCache(fake.NewClientBuilder().WithObjects(secret, stays).Build(), clocktesting.NewFakePassiveClock(time.Unix(1, 0)))
	for _, ref := range []Ref{refTo("key", "api-key"), refTo("key", "other"), refTo("stays", "api-key")} {
		if status, err := cache.Load(t.Context(), ref, Version{UID: "wanted"}); err != nil || status.State != renewal.KeyRead {
			t.Fatalf("%+v %v", status, err)
		}
	}
	cache.Evict(refTo("key", "").Secret)
	if cache.Len() != 1 {
		t.Errorf("%d Secrets are remembered, want 1", cache.Len())
	}
}

// Versions of a Secret go back when the cluster's etcd is restored from a backup.
func TestAnOlderVersionIsTakenForALateWatchOnlyForAMoment(t *testing.T) {
	t.Parallel()
	secret := builders.KeySecretOf("finance", "key", "123")
	secret.UID, secret.ResourceVersion = "uid", "100"
	clock := clocktesting.NewFakePassiveClock(time.Unix(1, 0))
	cache := NewCache(fake.NewClientBuilder().WithObjects(secret).Build(), clock)
	read, err := cache.Load(t.Context(), refTo("key", "api-key"), Version{"uid", "90"})
	if err != nil || read.Version.ResourceVersion != "100" {
		t.Fatalf("%+v %v", read, err)
	}
	for _, row := range []struct {
		why   string
		after time.Duration
		seen  Version
		want  renewal.KeyState
	}{
		{"the watch is late", time.Second, Version{"uid", "90"}, renewal.KeyRead},
		{"the version that was read", time.Hour, Version{"uid", "100"}, renewal.KeyRead},
		{"a later one", time.Second, Version{"uid", "110"}, renewal.KeyUnread},
		{"another Secret", time.Second, Version{"other", "90"}, renewal.KeyUnread},
		{"the cluster was restored", maxCacheLag, Version{"uid", "90"}, renewal.KeyUnread},
	} {
		clock.SetTime(time.Unix(1, 0).Add(row.after))
		if got := cache.Lookup(refTo("key", "api-key"), &row.seen).State; got != row.want {
			t.Errorf("%s: state %d, want %d", row.why, got, row.want)
		}
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

// Another session may name another entry of the same Secret.
func TestAKeyThatNoSessionNamesIsEvictedAlone(t *testing.T) {
	t.Parallel()
	secret := builders.KeySecretOf("finance", "key", "123")
	secret.UID, secret.ResourceVersion, secret.Data["other"] = "uid", "1", []byte("456")
	cache := NewCache(fake.NewClientBuilder().WithObjects(secret).Build(), clocktesting.NewFakePassiveClock(time.Unix(1, 0)))
	seen := Version{"uid", "1"}
	for _, entry := range []string{"api-key", "other"} {
		if _, err := cache.Load(t.Context(), refTo("key", entry), seen); err != nil {
			t.Fatal(err)
		}
	}
	cache.EvictEntry(Ref{}) // none
	cache.EvictEntry(refTo("key", "other"))
	if got := cache.Lookup(refTo("key", "api-key"), &seen).State; got != renewal.KeyRead {
		t.Errorf("the other entry has the state %d, want %d", got, renewal.KeyRead)
	}
	cache.EvictEntry(refTo("key", "api-key"))
	if cache.Len() != 0 {
		t.Errorf("%d Secrets are remembered, want none", cache.Len())
	}
}
