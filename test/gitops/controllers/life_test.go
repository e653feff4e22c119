package controllers

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

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
func files(folder string, fields ...string) map[string]string {
	return map[string]string{
		folder + "/key.yaml":     keySecret,
		folder + "/session.yaml": session + strings.Join(fields, ""),
	}
}

// living is a stage with one session, which works, and a Kustomization of it.
func living(t *testing.T, spec string) *stage {
	t.Helper()
	s := newStage(t)
	s.commit(files("billing"))
	s.kustomization("billing", spec)
	if v := s.verdict("billing"); v.Status != "True" {
		t.Fatal(v)
	}
	s.works("acme")
	return s
}

// From the first commit to the deletion of what it declared.
func TestLife(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.commit(files("billing"))
	s.kustomization("billing", "wait: true")
	v := s.verdict("billing")
	s.works("acme")
	s.say("key and session in one commit", v, fmt.Sprintf("%d request", s.requests()))
	if v.Status != "True" || s.requests() != 1 {
		t.Errorf("%s; %d requests", v, s.requests())
	}

	s.unchanged("billing", 5)

	s.commit(files("billing", "  purge: process\n", "  expirationSeconds: 900\n"))
	v = s.verdict("billing")
	s.works("acme")
	s.say("a commit that changes purge and expirationSeconds", v, fmt.Sprintf("%d request more", s.requests()-1))

	s.commit(files("billing"))
	v = s.verdict("billing")
	s.works("acme")
	s.say("a Git revert of that commit", v, fmt.Sprintf("%d requests in all", s.requests()))
	if got := s.session("acme").Spec; v.Status != "True" || got.Purge != "" || got.ExpirationSeconds != 600 || s.requests() != 3 {
		t.Errorf("after the revert: %s, %+v, %d requests", v, got, s.requests())
	}

	s.commit(map[string]string{"billing/key.yaml": keySecret})
	v = s.verdict("billing")
	s.eventually("the session and its Secret are gone", func() bool { return s.session("acme") == nil && s.url("acme") == "" })
	s.say("`prune: true` and a commit without the session", v, "session and Secret are gone")
	if v.Status != "True" {
		t.Error(v)
	}
}

// works waits until a session has a URL for what is declared, and its Secret has it.
func (s *stage) works(name string) {
	s.t.Helper()
	s.eventually("session "+name+" works", func() bool {
		session := s.session(name)
		return session != nil && session.Status.ObservedGeneration == session.Generation &&
			meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady) &&
			s.url(session.Status.SecretName) == session.Status.URL && session.Status.URL != ""
	})
}

// unchanged has Flux look at a Kustomization some times. It fails if Flux has anything to correct, or
// if that costs a request.
func (s *stage) unchanged(name string, times int) {
	s.t.Helper()
	requests := s.requests()
	s.uncorrected(name, times)
	if s.requests() != requests {
		s.t.Errorf("%d requests to the endpoint", s.requests()-requests)
	}
}

// uncorrected has Flux look at a Kustomization some times, and fails if it has anything to correct.
func (s *stage) uncorrected(name string, times int) {
	s.t.Helper()
	before := len(s.flux.applications(s.fluxNamespace, name))
	for range times {
		if v := s.reconcile(name); v.Status != "True" {
			s.t.Errorf("%s: %s", name, v)
		}
	}
	seen := s.flux.applications(s.fluxNamespace, name)[before:]
	if len(seen) < times {
		s.t.Errorf("Flux applied %d times, want %d", len(seen), times)
	}
	for _, objects := range seen {
		for object, action := range objects {
			if action != "unchanged" {
				s.t.Errorf("Flux did to %s: %s", object, action)
			}
		}
	}
}
