package controllers

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/standin"
)

// hold makes the endpoint unavailable to the stage's key.
func (s *stage) hold() (release func()) {
	s.endpoint.MisbehaveFor(s.key, standin.Status(503))
	return func() { s.endpoint.MisbehaveFor(s.key) }
}

// Another tool brings the key after Flux has applied the session.
func TestLateKey(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.commit(map[string]string{"billing/session.yaml": session})
	s.kustomization("billing", "wait: true\n"+s.expressions())
	time.Sleep(8 * time.Second) // the lateness
	s.apply(keySecret)
	v := s.verdict("billing")
	s.works("acme")
	s.say("the key comes 8 s after its session", v, fmt.Sprintf("%d request", s.requests()))
	if v.Status != "True" || s.requests() != 1 {
		t.Errorf("%s, %d requests", v, s.requests())
	}
}

// A Kustomization with the key that depends on the one with its session never begins.
func TestKeyBehindItsSession(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.commit(map[string]string{"billing/session.yaml": session, "keys/key.yaml": keySecret})
	s.kustomization("billing", "wait: true\ntimeout: 30s\nretryInterval: 1h\n"+s.expressions())
	s.kustomization("keys", "{dependsOn: [{name: billing}]}")
	v := s.verdict("billing")
	keys := s.ready(s.getKustomization("keys"))
	s.say("the key is in a Kustomization that depends on its session's", v, "the other: "+keys.Reason+", "+keys.Message)
	if v.Status != "False" || keys.Reason != "DependencyNotReady" {
		t.Errorf("%s; %s", v, keys)
	}
}

// When a commit changes the key alone, no generation of the session changes: Flux is ready while the
// endpoint is still being asked for the new URL. The old URL works until it expires, so this is
// written down and not mended. An endpoint that refuses is noticed, because the status says so.
func TestChangedKey(t *testing.T) {
	t.Parallel()
	s := living(t, "wait: true")
	url, old := s.url("acme"), s.key
	time.Sleep(10 * time.Second) // the floor between two requests of a session
	s.key += "-rotated"
	s.endpoint.AddKeys(s.key)
	const slow = 8 * time.Second // within the operator's own limit
	s.endpoint.MisbehaveFor(s.key, standin.Latency(slow))
	s.commit(files("billing"))
	v := s.verdict("billing")
	early := s.url("acme") == url
	s.eventually("the new URL is there", func() bool { return s.url("acme") != url })
	s.say(fmt.Sprintf("a commit that changes only the key, while the endpoint takes %s", slow), v,
		fmt.Sprintf("the new URL comes %.1f s after Flux is ready; the old one stays until then", (time.Since(s.committed)-v.After).Seconds()))
	if v.Status != "True" || !early || s.requests() != 1 || s.endpoint.Requests(old) != 1 {
		t.Errorf("%s, the old URL was there %v, %d requests with the old key, %d with the new one", v, early, s.endpoint.Requests(old), s.requests())
	}
}

// externalSecrets plays a controller that copies keys out of a vault, as External Secrets does.
type externalSecrets struct {
	stage *stage

	mu  sync.Mutex
	key string
}

// run writes the key's Secret each interval, also when nothing has changed. It counts the writes in
// an annotation, as such controllers note the time of their last look.
func (e *externalSecrets) run(ctx context.Context, interval time.Duration) {
	for count := 0; ctx.Err() == nil; count++ {
		e.refresh(ctx, count)
		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
}

func (e *externalSecrets) refresh(ctx context.Context, count int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.key == "" {
		return
	}
	secret := object("v1", "Secret")
	secret.SetNamespace(e.stage.namespace)
	secret.SetName("key")
	secret.SetAnnotations(map[string]string{"example.com/refreshed": fmt.Sprint(count)})
	secret.Object["stringData"] = map[string]any{v1alpha1.DefaultAPIKeySecretKey: e.key}
	_ = e.stage.kube.Apply(ctx, client.ApplyConfigurationFromUnstructured(secret), client.FieldOwner("external-secrets"), client.ForceOwnership)
}

// becomes changes the key in the vault. Without one the Secret is left alone.
func (e *externalSecrets) becomes(key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.key = key
}

// The key's Secret is another controller's: it comes late, is refreshed each ten seconds, rotated,
// deleted and made again. Only the rotation costs a request, and Flux has nothing to correct.
func TestExternalSecrets(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	vault := &externalSecrets{stage: s}
	s.commit(map[string]string{"billing/session.yaml": session})
	s.kustomization("billing", "wait: true\n"+s.expressions())
	const interval = 10 * time.Second
	time.AfterFunc(5*time.Second, func() { vault.becomes(s.key) })
	go vault.run(t.Context(), interval)
	v := s.verdict("billing")
	s.works("acme")
	s.say("external secrets: the key comes some seconds later", v, fmt.Sprintf("%d request", s.requests()))

	s.refreshes(3)
	s.unchanged("billing", 2)
	s.say("external secrets: refreshed each 10 s without a change", s.reconcile("billing"), fmt.Sprintf("%d request in all", s.requests()))
	if s.requests() != 1 {
		t.Errorf("%d requests after refreshes", s.requests())
	}

	url, old := s.url("acme"), s.key
	s.key += "-rotated"
	s.endpoint.AddKeys(s.key)
	vault.becomes(s.key)
	s.eventually("there is a URL for the new key", func() bool { return s.url("acme") != url })
	s.works("acme")
	s.unchanged("billing", 1)
	s.say("external secrets: the key is rotated", s.reconcile("billing"), fmt.Sprintf("%d request more", s.requests()))

	vault.becomes("")
	s.deleteKey()
	v = s.reconcile("billing")
	s.say("external secrets: the Secret is deleted", v, "the session goes on with its URL")
	if v.Status != "True" {
		t.Error(v)
	}
	vault.becomes(s.key)
	s.refreshes(2)
	s.works("acme")
	s.unchanged("billing", 1)
	s.say("external secrets: it is made again", s.reconcile("billing"), fmt.Sprintf("%d request more", s.requests()-1))
	if s.requests() != 1 || s.endpoint.Requests(old) != 1 {
		t.Errorf("%d requests with the first key, %d with the second", s.endpoint.Requests(old), s.requests())
	}
}

// refreshes waits until the key's Secret was written some times more.
func (s *stage) refreshes(times int) {
	s.t.Helper()
	seen := map[string]bool{}
	s.eventually("the key's Secret is refreshed", func() bool {
		var secret corev1.Secret
		if err := s.kube.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace, Name: "key"}, &secret); err == nil {
			seen[secret.ResourceVersion] = true
		}
		return len(seen) > times
	})
}

func (s *stage) deleteKey() {
	s.t.Helper()
	s.must(s.kube.Delete(s.t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "key"}}))
}
