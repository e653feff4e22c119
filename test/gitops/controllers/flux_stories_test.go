//go:build gitops

package controllers

import (
	"strings"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

const (
	keySecret = `apiVersion: v1
kind: Secret
metadata: {name: key, namespace: $NAMESPACE}
stringData: {api-key: $KEY}
`
	session = `apiVersion: billing.xtracta.com/v1alpha1
kind: BillingSession
metadata: {name: acme, namespace: $NAMESPACE}
spec:
  apiKeySecretRef: {name: key}
`
)

// files are a commit with the key's Secret and one session, which has more fields in its spec.
func files(fields ...string) map[string]string {
	return map[string]string{"billing/key.yaml": keySecret, "billing/session.yaml": session + strings.Join(fields, "")}
}

// live commits one session and a Kustomization of it, and waits until both are ready.
func (s *stage) live(spec string, fields ...string) (url string) {
	s.T.Helper()
	s.commit(files(fields...))
	s.kustomization("billing", spec)
	if v := s.verdict("billing"); v.Status != "True" || s.requests() != 1 {
		s.T.Fatalf("%+v, %d requests", v, s.requests())
	}
	s.works("acme") // and already is, as Flux has said: its Secret comes before its status
	return s.URLIn("acme")
}

// From the first commit to the deletion of what it declared.
func life(s *stage) {
	url := s.live("{}", "  expirationSeconds: 120\n")
	s.until("it is renewed", func() bool { return s.URLIn("acme") != url })
	s.works("acme")
	s.uncorrected("billing", 5)

	s.commit(files("  purge: process\n", "  expirationSeconds: 86400\n"))
	s.succeeds("billing")
	s.works("acme")
	requests := s.requests()
	s.uncorrected("billing", 1)
	s.commit(files("  expirationSeconds: 86400\n"))
	s.succeeds("billing")
	s.works("acme")
	if got := s.Get("acme").Spec; got.Purge != "" || s.requests() != requests+1 {
		s.T.Errorf("after the revert: %+v, %d requests more", got, s.requests()-requests)
	}
	s.commit(map[string]string{"billing/key.yaml": keySecret})
	s.succeeds("billing")
	s.gone("acme")
}

// Another tool brings the key after Flux has applied the session. Flux would not look again within
// an hour, had it taken the session for failed.
func lateKey(s *stage) {
	s.commit(map[string]string{"billing/session.yaml": session})
	s.kustomization("billing", "retryInterval: 1h\n"+expressions(s))
	s.misses("acme")
	s.until("Flux waits for the session", func() bool { return conditionOf(s.getKustomization("billing"), "Healthy").Status == "Unknown" })
	s.apply(keySecret)
	if v := s.verdict("billing"); v.Status != "True" || s.requests() != 1 {
		s.T.Errorf("%+v, %d requests", v, s.requests())
	}
}

// misses waits until a session says that its key's Secret is missing.
func (s *stage) misses(name string) {
	s.T.Helper()
	s.until(name+" misses its key", func() bool {
		var session v1alpha1.BillingSession
		return s.isThere(name, &session) && hasReason(&session, v1alpha1.ReasonKeySecretMissing)
	})
}

func hasReason(session *v1alpha1.BillingSession, reason string) bool {
	for _, condition := range session.Status.Conditions {
		if condition.Reason == reason {
			return true
		}
	}
	return false
}

func changedSecretName(s *stage) {
	url := s.live("{}")
	s.commit(files("  secretName: other\n"))
	if v := s.verdict("billing"); v.Status != "False" || !strings.Contains(v.Message, "immutable") {
		s.T.Errorf("%+v", v)
	}
	s.expectUntouched("acme", url)
	s.commit(files())
	s.succeeds("billing")
	s.uncorrected("billing", 1)
	s.expectUntouched("acme", url)
}

// What config/flux warns of.
func forcedSecretName(s *stage) {
	s.live("force: true")
	uid := s.Get("acme").UID
	s.commit(files("  secretName: other\n"))
	s.succeeds("billing")
	s.works("acme")
	s.until("the old Secret is collected", func() bool { return s.URLIn("acme") == "" })
	if s.Get("acme").UID == uid {
		s.T.Error("it is the same session")
	}
}

// What people do with kubectl billing stays as long as Git does not declare the field. A mark that
// asks for a renewal does so even while the endpoint is unavailable.
func plugin(s *stage) {
	url := s.live("{}")
	s.billing("suspend", "acme")
	s.uncorrected("billing", 2)
	s.expectUntouched("acme", url)
	if !s.Get("acme").Spec.Suspend {
		s.T.Error("Flux has undone the suspension")
	}
	s.billing("resume", "acme")
	release := s.hold()
	s.billing("renew", "acme")
	s.uncorrected("billing", 2)
	s.expectRenewal(release, url)
}

// expectRenewal holds that somebody's wish for a new URL is there still, and is granted when the
// endpoint is back.
func (s *stage) expectRenewal(release func(), url string) {
	s.T.Helper()
	token := s.Get("acme").Annotations[v1alpha1.AnnotationRenewRequestedAt]
	release()
	s.until("it is renewed", func() bool { return s.URLIn("acme") != url })
	s.works("acme")
	if got := s.Get("acme").Status.LastHandledRenewRequest; token == "" || got != token {
		s.T.Errorf("the token is %q, %q was handled", token, got)
	}
}

// expressions are the health checks of config/flux, as a field of a Kustomization.
func expressions(s *stage) string {
	s.T.Helper()
	spec := objectsIn(s.T, "flux/together.yaml").OfKind("Kustomization")[0].Object["spec"]
	return asYAML(s.T, map[string]any{"healthCheckExprs": spec.(map[string]any)["healthCheckExprs"]})
}
