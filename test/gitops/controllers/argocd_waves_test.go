package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	inWave = `metadata: {name: %s, namespace: $NAMESPACE, annotations: {argocd.argoproj.io/sync-wave: "%d"}}`
)

// behind is a ConfigMap in the wave after the sessions.
var behind = "apiVersion: v1\nkind: ConfigMap\n" + fmt.Sprintf(inWave, "app", 1) + "\n"

// The key comes from elsewhere some seconds after its session, on which a later wave waits.
func TestArgoCDLateKey(t *testing.T) {
	t.Parallel()
	needArgoCD(t)
	s := newStage(t)
	s.push(map[string]string{"billing/session.yaml": session, "billing/app.yaml": behind})
	s.application("billing", automated)
	s.eventually("the session misses its key", func() bool {
		session := s.session("acme")
		return session != nil && session.Status.ObservedGeneration == 1
	})
	time.Sleep(8 * time.Second) // the lateness
	if s.configMap("app") {
		t.Error("the later wave did not wait")
	}
	s.apply(keySecret)
	v := s.appVerdict("billing")
	s.works("acme")
	s.sayArgoCD("the key comes 8 s after its session, on which a later wave waits", v, fmt.Sprintf("%d request", s.requests()))
	if v.Phase != "Succeeded" || s.retries("billing") != 0 || s.requests() != 1 || !s.configMap("app") {
		t.Errorf("%s, %d retries, %d requests", v, s.retries("billing"), s.requests())
	}
}

// A key in a later wave than its session never comes. The sync fails after two minutes, and says why.
func TestArgoCDKeyInALaterWave(t *testing.T) {
	t.Parallel()
	needArgoCD(t)
	s := newStage(t)
	key := strings.Replace(keySecret, "metadata: {name: key, namespace: $NAMESPACE}", fmt.Sprintf(inWave, "key", 1), 1)
	s.push(map[string]string{"billing/session.yaml": session, "billing/key.yaml": key})
	s.application("billing", "syncPolicy: {automated: {}, retry: {limit: 0}}\n")
	v := s.appVerdict("billing")
	v.Message += "; " + s.resultOf("billing", "acme")
	s.sayArgoCD("the key is in a later wave than its session", v, "the sync fails and says so")
	if v.Phase == "Succeeded" || !strings.Contains(v.Message, `Secret "key"`) {
		t.Error(v)
	}
}

// A suspended session in an early wave holds nothing up, and so the commit that resumes it is applied.
func TestArgoCDSuspendedInAnEarlyWave(t *testing.T) {
	t.Parallel()
	needArgoCD(t)
	s := newStage(t)
	suspended := files("billing", "  suspend: true\n")
	suspended["billing/app.yaml"] = behind
	s.push(suspended)
	s.application("billing", automated)
	v := s.appVerdict("billing")
	s.sayArgoCD("`suspend: true` in an early wave", v, fmt.Sprintf("%d requests", s.requests()))
	if !strings.Contains(v.Message, "Suspended") {
		v = s.appBecomes("billing", "healthy", appVerdict.good)
	}
	if v.Phase != "Succeeded" || !s.configMap("app") || s.requests() != 0 {
		t.Error(v)
	}
	resumed := files("billing", "  suspend: false\n")
	resumed["billing/app.yaml"] = behind
	s.push(resumed)
	v = s.appVerdict("billing")
	s.works("acme")
	s.sayArgoCD("the commit that resumes it", v, fmt.Sprintf("%d request", s.requests()))
	if v.Phase != "Succeeded" {
		t.Error(v)
	}
}
