package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestChangedSecretName(t *testing.T) {
	t.Parallel()
	s := living(t, "wait: true")
	url := s.url("acme")
	s.commit(files("billing", "  secretName: other\n"))
	v := s.verdict("billing")
	s.say("a commit that changes spec.secretName", v, "session, Secret and URL stay")
	if v.Status != "False" || !strings.Contains(v.Message, "immutable") {
		t.Error(v)
	}
	if s.url("acme") != url || s.url("other") != "" || s.requests() != 1 {
		t.Errorf("the Secret changed, or %d requests", s.requests())
	}
	s.commit(files("billing"))
	v = s.becomes("billing", "True")
	s.say("a Git revert of that", v, fmt.Sprintf("%d request in all", s.requests()))
	s.unchanged("billing", 1)
}

func TestInvalidCommit(t *testing.T) {
	t.Parallel()
	s := living(t, "wait: true")
	url := s.url("acme")
	s.commit(files("billing", "  purge: everything\n"))
	v := s.verdict("billing")
	s.say("a commit with an invalid field", v, "session, Secret and URL stay")
	if v.Status != "False" || !strings.Contains(v.Message, "purge") || s.url("acme") != url || s.requests() != 1 {
		t.Errorf("%s, %d requests", v, s.requests())
	}
}

// What config/flux warns of.
func TestForce(t *testing.T) {
	t.Parallel()
	t.Run("changed secretName", func(t *testing.T) {
		t.Parallel()
		s := living(t, "wait: true\nforce: true")
		uid := s.session("acme").UID
		s.commit(files("billing", "  secretName: other\n"))
		v := s.becomes("billing", "True")
		s.works("acme")
		s.eventually("the old Secret is collected", func() bool { return s.url("acme") == "" })
		s.say("`force: true` and a changed spec.secretName", v, fmt.Sprintf("session and Secret are deleted and made anew; %d requests in all", s.requests()))
		if s.session("acme").UID == uid {
			t.Error("it is the same session")
		}
	})
	t.Run("invalid field", func(t *testing.T) {
		t.Parallel()
		s := living(t, "wait: true\nforce: true")
		s.commit(files("billing", "  purge: everything\n"))
		v := s.verdict("billing")
		s.eventually("session and Secret are gone", func() bool { return s.session("acme") == nil && s.url("acme") == "" })
		s.say("`force: true` and an invalid field", v, "session and Secret are deleted, and nothing makes them anew")
		s.commit(files("billing"))
		v = s.becomes("billing", "True")
		s.works("acme")
		s.say("a Git revert of that", v, fmt.Sprintf("made anew; %d requests in all", s.requests()))
	})
}

func TestRenamedSession(t *testing.T) {
	t.Parallel()
	renamed := strings.Replace(session, "name: acme", "name: globex", 1)
	t.Run("with its Secret", func(t *testing.T) {
		t.Parallel()
		s := living(t, "wait: true")
		s.commit(map[string]string{"billing/key.yaml": keySecret, "billing/session.yaml": renamed})
		v := s.becomes("billing", "True")
		s.works("globex")
		s.eventually("the old one is gone", func() bool { return s.session("acme") == nil && s.url("acme") == "" })
		s.say("a renamed session", v, fmt.Sprintf("the new one has a Secret and a URL of its own, the old ones are gone; %d requests in all", s.requests()))
		if s.requests() != 2 {
			t.Errorf("%d requests", s.requests())
		}
	})
	t.Run("its Secret keeps its name", func(t *testing.T) {
		t.Parallel()
		s := newStage(t)
		s.commit(files("billing", "  secretName: mounted\n"))
		s.kustomization("billing", "wait: true\n"+s.expressions())
		s.verdict("billing")
		s.works("acme")
		s.commit(map[string]string{"billing/key.yaml": keySecret, "billing/session.yaml": renamed + "  secretName: mounted\n"})
		first := s.verdict("billing")
		last := s.becomes("billing", "True")
		s.works("globex")
		s.say("a renamed session that keeps spec.secretName", first, fmt.Sprintf("%s after %.1f s; %d requests in all", last.Reason, last.After.Seconds(), s.requests()))
		if s.requests() != 2 {
			t.Errorf("%d requests", s.requests())
		}
	})
}

// Two Kustomizations that declare one session write over each other, at each interval, whatever
// they do not agree on. When that is the owner's label alone, nobody but the two notices.
func TestTwoKustomizationsOfOneSession(t *testing.T) {
	t.Parallel()
	const times = 3
	for name, fields := range map[string]string{"alike": "", "different": "  expirationSeconds: 900\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			both := files("one")
			for path, text := range files("two", fields) {
				both[path] = text
			}
			s.commit(both)
			s.kustomization("one", "wait: true")
			s.verdict("one")
			s.kustomization("two", "wait: true")
			s.verdict("two")
			for range times {
				s.reconcile("one")
				s.works("acme")
				s.reconcile("two")
				s.works("acme")
			}
			corrections := 0
			for _, kustomization := range []string{"one", "two"} {
				for _, objects := range s.flux.applications(s.namespace, kustomization) {
					if objects["BillingSession/"+s.namespace+"/acme"] == "configured" {
						corrections++
					}
				}
			}
			v := s.reconcile("one")
			s.works("acme")
			s.say("two Kustomizations that declare one session, "+name, v,
				fmt.Sprintf("%d corrections in %d reconciliations, %d requests", corrections, 2*times+1, s.requests()))
			if name == "alike" && s.requests() != 1 {
				t.Errorf("%d requests", s.requests())
			}
		})
	}
}

// A session outlives the Kustomization that adopted it last only when that says so.
func TestDeletedKustomization(t *testing.T) {
	t.Parallel()
	for policy, stays := range map[string]bool{"MirrorPrune": false, "Orphan": true} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			s := living(t, "wait: true\ndeletionPolicy: "+policy)
			began := time.Now()
			s.must(s.kube.Delete(t.Context(), s.getKustomization("billing")))
			s.eventually("the Kustomization is gone", func() bool { return !s.exists("billing") })
			v := verdict{Status: "-", Reason: "–", Message: "–", Took: time.Since(began)}
			if !stays {
				s.eventually("session and Secret are gone", func() bool { return s.session("acme") == nil && s.url("acme") == "" })
				s.say("the Kustomization is deleted", v, "session and Secret are gone")
				return
			}
			s.say("the Kustomization is deleted, with `deletionPolicy: Orphan`", v, "session and Secret stay")
			if s.session("acme") == nil || s.url("acme") == "" {
				t.Error("session or Secret are gone")
			}
		})
	}
}
