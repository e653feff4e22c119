//go:build gitops

package controllers

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const automated = "syncPolicy: {automated: {prune: true, selfHeal: true}, retry: {limit: 0}}\n"

// waysToSync are those that config/argocd tells of.
var waysToSync = map[string]string{
	"client-side apply": automated,
	"server-side apply": strings.Replace(automated, "retry:", "syncOptions: [ServerSideApply=true], retry:", 1),
}

// sync commits one session and an Application of it, and waits until both are well.
func (s *stage) sync(spec string, fields ...string) (url string) {
	s.T.Helper()
	s.push(files(fields...))
	s.application("billing", spec)
	s.works("acme")
	s.appBecomes("billing", appVerdict.good)
	return s.URLIn("acme")
}

// follows commits the session with other fields, and waits until both are well.
func (s *stage) follows(fields ...string) {
	s.T.Helper()
	s.push(files(fields...))
	s.synced("billing")
	s.works("acme")
	s.appBecomes("billing", appVerdict.good)
}

// From the first commit to the deletion of what it declared.
func argoLife(s *stage) {
	s.sync(automated)
	s.staysSynced("billing", 5)
	s.follows("  purge: process\n", "  expirationSeconds: 900\n", "  secretTemplate: {labels: {a: b}}\n")
	s.follows()
	if got := s.Get("acme").Spec; got.Purge != "" || got.ExpirationSeconds != 600 || s.requests() != 3 {
		s.T.Errorf("after the revert: %+v, %d requests", got, s.requests())
	}
	s.push(map[string]string{"billing/key.yaml": keySecret})
	s.synced("billing")
	s.gone("acme")
}

// However it applies, Argo CD finds nothing to correct while URLs are renewed.
func argoRenewals(s *stage, spec string) {
	s.sync(spec, "  expirationSeconds: 60\n")
	operation := s.operation("billing")
	s.until("it is renewed twice", func() bool {
		s.compare("billing")
		if v := s.readVerdict(s.getApplication("billing")); !v.good() {
			s.T.Errorf("Argo CD says: %+v", v)
		}
		return s.requests() >= 3
	})
	if s.operation("billing") != operation {
		s.T.Error("Argo CD synced again")
	}
	s.follows("  expirationSeconds: 90\n")
}

// What people do with kubectl billing stays as long as Git does not declare the field, although
// Argo CD heals what differs.
func argoPlugin(s *stage, spec string) {
	url := s.sync(spec)
	s.billing("suspend", "acme")
	s.appBecomes("billing", func(v appVerdict) bool { return strings.Contains(v.Message, "Suspended") })
	s.staysSynced("billing", 3)
	if !s.Get("acme").Spec.Suspend {
		s.T.Error("Argo CD has undone the suspension")
	}
	s.billing("resume", "acme")
	release := s.hold()
	s.billing("renew", "acme")
	for range 3 {
		s.compare("billing")
	}
	s.expectRenewal(release, url)
}

const inWave = `metadata: {name: %s, namespace: $NAMESPACE, annotations: {argocd.argoproj.io/sync-wave: "%d"}}`

// behind is a ConfigMap in the wave after the sessions.
var behind = "apiVersion: v1\nkind: ConfigMap\n" + fmt.Sprintf(inWave, "app", 1) + "\n"

func (s *stage) expectBehind(want bool) {
	s.T.Helper()
	if s.isThere("app", &corev1.ConfigMap{}) != want {
		s.T.Errorf("the later wave was applied: %v, want %v", !want, want)
	}
}

// The key comes from elsewhere after its session, on which a later wave waits.
func argoLateKey(s *stage) {
	s.push(map[string]string{"billing/session.yaml": session, "billing/app.yaml": behind})
	s.application("billing", automated)
	s.misses("acme")
	s.appBecomes("billing", func(v appVerdict) bool { return v.Phase == "Running" && strings.Contains(v.Message, "does not exist") })
	s.expectBehind(false)
	s.apply(keySecret)
	v := s.synced("billing")
	s.works("acme")
	s.expectBehind(true)
	retries, _, _ := unstructured.NestedInt64(s.getApplication("billing").Object, "status", "operationState", "retryCount")
	if v.Phase != "Succeeded" || retries != 0 || s.requests() != 1 {
		s.T.Errorf("%+v, %d retries, %d requests", v, retries, s.requests())
	}
}

// A key in a later wave than its session never comes. The sync fails after two minutes, and says why.
func argoKeyInALaterWave(s *stage) {
	key := strings.Replace(keySecret, "metadata: {name: key, namespace: $NAMESPACE}", fmt.Sprintf(inWave, "key", 1), 1)
	s.push(map[string]string{"billing/session.yaml": session, "billing/key.yaml": key})
	s.application("billing", automated)
	if v := s.synced("billing"); v.Phase == "Succeeded" || !strings.Contains(v.Message, `Secret "key"`) {
		s.T.Errorf("%+v", v)
	}
}

// A suspended session in an early wave holds nothing up, and so the commit that resumes it is applied.
func argoSuspendedInAnEarlyWave(s *stage) {
	for _, suspended := range []bool{true, false} {
		commit := files(fmt.Sprintf("  suspend: %v\n", suspended))
		commit["billing/app.yaml"] = behind
		s.push(commit)
		if suspended {
			s.application("billing", automated)
		}
		if v := s.synced("billing"); v.Phase != "Succeeded" {
			s.T.Errorf("suspended: %v: %+v", suspended, v)
		}
		s.expectBehind(true)
	}
	s.works("acme")
}
