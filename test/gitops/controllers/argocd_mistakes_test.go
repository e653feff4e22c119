package controllers

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

func TestArgoCDChangedSecretName(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"client-side apply":                    "  syncOptions: []\n",
		"`Replace=true`":                       "  syncOptions: [Replace=true]\n",
		"`ServerSideApply=true`, key declared": "  syncOptions: [ServerSideApply=true]\n",
	} {
		t.Run(strings.ReplaceAll(name, "`", ""), func(t *testing.T) {
			t.Parallel()
			needArgoCD(t)
			s := newStage(t)
			s.push(keyDeclared(name, files("billing")))
			s.application("billing", "syncPolicy:\n  automated: {prune: true, selfHeal: true}\n  retry: {limit: 0}\n"+options)
			s.works("acme")
			s.appBecomes("billing", "healthy", appVerdict.good)
			url := s.url("acme")
			s.push(keyDeclared(name, files("billing", "  secretName: other\n")))
			v := s.appVerdict("billing")
			s.sayArgoCD("a commit that changes spec.secretName, "+name, v, "session, Secret and URL stay")
			if v.Phase != "Failed" || !strings.Contains(v.Message, "immutable") || s.url("acme") != url || s.requests() != 1 {
				t.Errorf("%s; %d requests", v, s.requests())
			}
			s.push(keyDeclared(name, files("billing")))
			s.appBecomes("billing", "synced", func(v appVerdict) bool { return v.Sync == "Synced" && v.Health == "Healthy" })
		})
	}
}

// What config/argocd warns of: the annotation has Argo CD delete and make anew what the API server refuses to change.
func TestArgoCDForce(t *testing.T) {
	t.Parallel()
	needArgoCD(t)
	s := newStage(t)
	commit := func(fields string) {
		changed := files("billing", fields)
		changed["billing/session.yaml"] = strings.Replace(changed["billing/session.yaml"], "$NAMESPACE}",
			`$NAMESPACE, annotations: {argocd.argoproj.io/sync-options: "Force=true,Replace=true"}}`, 1)
		s.push(changed)
	}
	commit("")
	s.application("billing", "syncPolicy: {automated: {prune: true, selfHeal: true}, retry: {limit: 0}}\n")
	s.works("acme")
	s.appBecomes("billing", "healthy", appVerdict.good)
	uid := s.session("acme").UID
	commit("  secretName: other\n")
	v := s.appVerdict("billing")
	if session := s.session("acme"); session == nil || session.UID == uid {
		t.Errorf("%s: the session was not made anew: %+v", v, session)
	}
	s.sayArgoCD("the annotation `Force=true,Replace=true` and a changed spec.secretName", v, fmt.Sprintf("session and Secret are deleted and made anew; %d requests in all", s.requests()))
}

func TestArgoCDInvalidCommit(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"client-side apply": "",
		"`ServerSideApply=true` with `ServerSideDiff=true`": "compareOptions: ServerSideDiff=true\n",
	} {
		t.Run(strings.ReplaceAll(name, "`", ""), func(t *testing.T) {
			t.Parallel()
			apply := ""
			if options != "" {
				apply = "ServerSideApply=true"
			}
			s := synced(t, options+"syncPolicy: {automated: {prune: true, selfHeal: true}, retry: {limit: 0}, syncOptions: ["+apply+"]}\n")
			url := s.url("acme")
			s.push(files("billing", "  purge: everything\n"))
			v := s.appBecomes("billing", "aware of it", func(v appVerdict) bool {
				return strings.Contains(v.Message, "Unsupported value") && v.Phase != "Running" && (v.Sync == "OutOfSync" || v.Sync == "Unknown")
			})
			s.sayArgoCD("a commit with an invalid field, "+name, v, "session, Secret and URL stay")
			if s.url("acme") != url || s.requests() != 1 {
				t.Errorf("%s; %d requests", v, s.requests())
			}
			s.push(files("billing"))
			s.appBecomes("billing", "synced", func(v appVerdict) bool { return v.Sync == "Synced" && v.Health == "Healthy" })
			if s.requests() != 1 {
				t.Errorf("%d requests after the revert", s.requests())
			}
		})
	}
}

// With a comparison by a dry run, Argo CD does not get as far as a sync.
func TestArgoCDChangedSecretNameWithServerSideDiff(t *testing.T) {
	t.Parallel()
	s := synced(t, "compareOptions: ServerSideDiff=true\nsyncPolicy: {automated: {prune: true, selfHeal: true}, syncOptions: [ServerSideApply=true]}\n")
	url := s.url("acme")
	s.push(files("billing", "  secretName: other\n"))
	v := s.appBecomes("billing", "unknown", func(v appVerdict) bool { return v.Sync == "Unknown" && strings.Contains(v.Message, "immutable") })
	s.sayArgoCD("a commit that changes spec.secretName, `ServerSideApply=true` with `ServerSideDiff=true`", v, "no sync is tried; session, Secret and URL stay")
	if s.url("acme") != url || s.requests() != 1 {
		t.Errorf("%s; %d requests", v, s.requests())
	}
	s.push(files("billing"))
	s.appBecomes("billing", "healthy", appVerdict.good)
}

func TestArgoCDRenamedSession(t *testing.T) {
	t.Parallel()
	renamed := strings.Replace(session, "name: acme", "name: globex", 1)
	for name, field := range map[string]string{"a renamed session": "", "a renamed session that keeps spec.secretName": "  secretName: mounted\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needArgoCD(t)
			s := newStage(t)
			s.push(files("billing", field))
			s.application("billing", automated)
			s.works("acme")
			s.appBecomes("billing", "healthy", appVerdict.good)
			s.push(map[string]string{"billing/key.yaml": keySecret, "billing/session.yaml": renamed + field})
			s.appVerdict("billing")
			s.works("globex")
			v := s.appBecomes("billing", "healthy", appVerdict.good)
			s.eventually("the old one is gone", func() bool { return s.session("acme") == nil && s.url("acme") == "" })
			s.sayArgoCD(name, v, fmt.Sprintf("the old one is gone; %d requests in all", s.requests()))
			if s.requests() != 2 {
				t.Errorf("%d requests", s.requests())
			}
		})
	}
}

// declaredTwice is one session in the folders of two Applications, with another life in each.
func declaredTwice() map[string]string {
	declared := files("one")
	maps.Copy(declared, files("two", "  expirationSeconds: 900\n"))
	return declared
}

func TestArgoCDTwoApplicationsOfOneSession(t *testing.T) {
	t.Parallel()
	needArgoCD(t)
	s := newStage(t)
	s.push(declaredTwice())
	s.application("one", "syncPolicy: {automated: {}}\n")
	s.works("acme")
	s.appBecomes("one", "healthy", appVerdict.good)
	s.application("two", "syncPolicy: {automated: {}}\n")
	s.appVerdict("two")
	s.works("acme")
	s.compare("one")
	v := s.appBecomes("one", "aware of the other", func(v appVerdict) bool { return strings.Contains(v.Message, "part of applications") })
	s.sayArgoCD("two Applications that declare one session differently", v, fmt.Sprintf("the last to sync has it; %d requests", s.requests()))
}

// With self-heal, each Application takes the session back from the other, and each turn costs a request.
func TestArgoCDTwoApplicationsThatHeal(t *testing.T) {
	t.Parallel()
	needArgoCD(t)
	s := newStage(t)
	s.push(declaredTwice())
	const heal = "syncPolicy: {automated: {selfHeal: true}}\n"
	s.application("one", heal)
	s.works("acme")
	s.application("two", heal)
	s.eventually("each had a turn more", func() bool { return s.requests() >= 4 })
	v := s.appBecomes("one", "aware of the other", func(v appVerdict) bool { return strings.Contains(v.Message, "part of applications") })
	s.sayArgoCD("two Applications that declare one session differently, with self-heal", v, fmt.Sprintf("%d requests, and one more with each turn", s.requests()))
}

// A paused Application leaves the sessions to the operator.
func TestArgoCDPausedApplication(t *testing.T) {
	t.Parallel()
	needArgoCD(t)
	s := newStage(t)
	s.push(files("billing", "  expirationSeconds: 60\n"))
	s.application("billing", automated)
	s.works("acme")
	s.appBecomes("billing", "healthy", appVerdict.good)
	s.application("billing", "syncPolicy: {automated: {enabled: false}}\n")
	s.push(files("billing", "  expirationSeconds: 90\n"))
	s.eventually("it is renewed twice", func() bool { return s.requests() >= 3 })
	v := s.appBecomes("billing", "out of sync", func(v appVerdict) bool { return v.Sync == "OutOfSync" && v.Health == "Healthy" })
	s.sayArgoCD("a paused Application and a commit", v, "sessions are renewed; the commit is not applied")
	if got := s.session("acme").Spec.ExpirationSeconds; got != 60 {
		t.Errorf("expirationSeconds is %d", got)
	}
}
