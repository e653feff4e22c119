package controllers

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const automated = "syncPolicy: {automated: {prune: true, selfHeal: true}}\n"

// synced is a stage with one session, which works, and an Application of it.
func synced(t *testing.T, spec string) *stage {
	t.Helper()
	needArgoCD(t)
	s := newStage(t)
	s.push(files("billing"))
	s.application("billing", spec)
	s.works("acme")
	s.appBecomes("billing", "healthy", appVerdict.good)
	return s
}

func TestArgoCDLife(t *testing.T) {
	t.Parallel()
	s := synced(t, automated)
	s.sayArgoCD("key and session in one commit", s.appVerdict("billing"), fmt.Sprintf("%d request", s.requests()))
	s.staysSynced("billing", 5)

	s.push(files("billing", "  purge: process\n", "  expirationSeconds: 900\n"))
	s.appVerdict("billing")
	s.works("acme")
	s.sayArgoCD("a commit that changes purge and expirationSeconds", s.appBecomes("billing", "healthy", appVerdict.good), fmt.Sprintf("%d request more", s.requests()-1))

	s.push(files("billing"))
	s.appVerdict("billing")
	s.works("acme")
	s.sayArgoCD("a Git revert of that commit", s.appBecomes("billing", "healthy", appVerdict.good), fmt.Sprintf("%d requests in all", s.requests()))
	if got := s.session("acme").Spec; got.Purge != "" || got.ExpirationSeconds != 600 || s.requests() != 3 {
		t.Errorf("after the revert: %+v, %d requests", got, s.requests())
	}

	s.push(map[string]string{"billing/key.yaml": keySecret})
	s.appVerdict("billing")
	s.eventually("the session and its Secret are gone", func() bool { return s.session("acme") == nil && s.url("acme") == "" })
	v := s.appBecomes("billing", "synced", func(v appVerdict) bool { return v.Phase == "Succeeded" && v.Sync == "Synced" })
	s.sayArgoCD("`prune: true` and a commit without the session", v, "session and Secret are gone")
}

// staysSynced has Argo CD compare an Application some times, and fails if anything differs, is
// synced again or costs a request.
func (s *stage) staysSynced(name string, times int) {
	s.t.Helper()
	requests, operation := s.requests(), s.operation(name)
	for range times {
		s.compare(name)
		if v := s.appReads(s.getApplication(name)); !v.good() {
			s.t.Errorf("Argo CD says: %s", v)
		}
	}
	if s.operation(name) != operation || s.requests() != requests {
		s.t.Errorf("Argo CD synced again at %s, or %d requests", s.operation(name), s.requests()-requests)
	}
}

// With the finalizer, deleting the Application deletes what it declared. Without it, all stays.
func TestArgoCDDeletedApplication(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		finalizers []string
		stays      bool
	}{
		"the Application is deleted, with its finalizer": {[]string{argoFinalizer}, false},
		"the Application is deleted, without finalizer":  {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := synced(t, automated)
			began := time.Now()
			s.deleteApplication("billing", row.finalizers)
			v := appVerdict{Phase: "–", Sync: "–", Health: "–", Message: "–"}
			if !row.stays {
				s.eventually("session and Secret are gone", func() bool { return s.session("acme") == nil && s.url("acme") == "" })
				v.Took = time.Since(began)
				s.sayArgoCD(name, v, "session and Secret are gone")
				return
			}
			s.applicationIsGone("billing")
			v.Took = time.Since(began)
			s.sayArgoCD(name, v, "session and Secret stay")
			if s.session("acme") == nil || s.session("acme").DeletionTimestamp != nil || s.url("acme") == "" {
				t.Error("session or Secret are gone")
			}
		})
	}
}

// argoFinalizer has Argo CD delete with an Application what that declares.
const argoFinalizer = "resources-finalizer.argocd.argoproj.io"

// deleteApplication deletes an Application with such finalizers.
func (s *stage) deleteApplication(name string, finalizers []string) {
	s.t.Helper()
	u := s.getApplication(name)
	before := client.MergeFrom(u.DeepCopy())
	u.SetFinalizers(finalizers)
	s.must(s.kube.Patch(s.t.Context(), u, before))
	s.must(s.kube.Delete(s.t.Context(), u))
}

func (s *stage) applicationIsGone(name string) {
	s.t.Helper()
	u := s.newApplication(name)
	s.eventually("Application "+name+" is gone", func() bool {
		return apierrors.IsNotFound(s.kube.Get(s.t.Context(), client.ObjectKeyFromObject(u), u))
	})
}

// A CustomResourceDefinition goes with all sessions of a cluster.
func TestArgoCDDefinitionIsKept(t *testing.T) {
	t.Parallel()
	needArgoCD(t)
	s := newStage(t)
	s.push(definition(s))
	s.application("crd", "syncPolicy: {automated: {prune: true, selfHeal: true}, syncOptions: [ServerSideApply=true]}\n")
	s.appBecomes("crd", "healthy", appVerdict.good)
	settings := map[string]string{"crd/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app, namespace: $NAMESPACE}\n"}
	s.push(settings)
	v := s.appVerdict("crd")
	s.definitionStays()
	s.sayArgoCD("a commit without the CustomResourceDefinition", v, "it stays")
	maps.Copy(settings, definition(s))
	s.push(settings)
	s.compare("crd") // there is nothing to sync
	began := time.Now()
	s.deleteApplication("crd", []string{argoFinalizer + "/background"})
	s.eventually("Argo CD has deleted what it may", func() bool { return !s.configMap("app") })
	s.definitionStays()
	s.sayArgoCD("the Application of the CustomResourceDefinition is deleted, with its finalizer",
		appVerdict{Phase: "–", Sync: "–", Health: "–", Message: "–", Took: time.Since(began)}, "it stays")
}

// keyDeclared has sessions declare the entry of the key's Secret, where a test's name asks for it.
// The API server fills it in, and apiKeySecretRef is an atomic map: when Argo CD applies on the server
// side and compares on its own, it takes what was filled in for a difference.
func keyDeclared(name string, files map[string]string) map[string]string {
	if strings.Contains(name, "key declared") {
		for path, text := range files {
			files[path] = strings.ReplaceAll(text, "{name: key}", "{name: key, key: api-key}")
		}
	}
	return files
}

// However it applies, Argo CD finds nothing to correct while URLs are renewed.
func TestArgoCDSyncOptions(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"client-side apply":                                 "syncPolicy:\n  syncOptions: []\n",
		"`Replace=true`":                                    "syncPolicy:\n  syncOptions: [Replace=true]\n",
		"`ServerSideApply=true`, key declared":              "syncPolicy:\n  syncOptions: [ServerSideApply=true]\n",
		"`ServerSideApply=true` with `ServerSideDiff=true`": "compareOptions: ServerSideDiff=true\nsyncPolicy:\n  syncOptions: [ServerSideApply=true]\n",
	} {
		t.Run(strings.ReplaceAll(name, "`", ""), func(t *testing.T) {
			t.Parallel()
			needArgoCD(t)
			s := newStage(t)
			s.push(keyDeclared(name, files("billing", "  expirationSeconds: 60\n")))
			s.application("billing", options+"  automated: {prune: true, selfHeal: true}\n")
			s.works("acme")
			s.appBecomes("billing", "healthy", appVerdict.good)
			operation := s.operation("billing")
			s.eventually("it is renewed twice", func() bool {
				s.compare("billing")
				if v := s.appReads(s.getApplication("billing")); !v.good() {
					t.Errorf("Argo CD says: %s", v)
				}
				return s.requests() >= 3
			})
			s.sayArgoCD(name+", while the URL is renewed twice", s.appReads(s.getApplication("billing")), "never out of sync")
			if s.operation("billing") != operation {
				t.Error("Argo CD synced again")
			}
			s.push(keyDeclared(name, files("billing", "  expirationSeconds: 90\n")))
			s.appVerdict("billing")
			s.works("acme")
			v := s.appBecomes("billing", "healthy", appVerdict.good)
			s.sayArgoCD(name+", a changed expirationSeconds", v, fmt.Sprint(s.session("acme").Spec.ExpirationSeconds))
		})
	}
}
