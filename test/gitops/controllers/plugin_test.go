package controllers

import (
	"fmt"
	"strings"
	"testing"
)

// What people do with kubectl billing stays as long as Git does not declare the field.
func TestPlugin(t *testing.T) {
	t.Parallel()
	s := living(t, "wait: true")
	s.billing("suspend", "acme")
	v := s.reconcile("billing")
	s.say("`kubectl billing suspend`", v, "survives")
	s.unchanged("billing", 2)
	if !s.session("acme").Spec.Suspend {
		t.Error("Flux has undone the suspension")
	}
	s.billing("resume", "acme")
	s.unchanged("billing", 1)
	if s.session("acme").Spec.Suspend {
		t.Error("the session is suspended still")
	}
}

// The mark of a renewal survives Flux while the endpoint is unavailable.
func TestPluginRenew(t *testing.T) {
	t.Parallel()
	s := living(t, "wait: true")
	url := s.url("acme")
	release := s.hold()
	s.billing("renew", "acme")
	v := s.reconcile("billing")
	s.uncorrected("billing", 2)
	token := s.session("acme").Annotations["billing.xtracta.com/renew-requested-at"]
	if token == "" {
		t.Error("Flux has taken the mark away")
	}
	release()
	s.eventually("it is renewed", func() bool { return s.url("acme") != url })
	s.works("acme")
	s.say("`kubectl billing renew` while the endpoint is unavailable", v, "the mark survives, and the URL is renewed when the endpoint is back")
	if got := s.session("acme").Status.LastHandledRenewRequest; got != token {
		t.Errorf("handled %q, want %q", got, token)
	}
}

// When Git declares the field, Flux takes the suspension back, and the plugin has said so.
func TestPluginAgainstGit(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.commit(files("billing", "  suspend: false\n"))
	s.kustomization("billing", "wait: true")
	s.verdict("billing")
	s.works("acme")
	said := s.billing("suspend", "acme")
	v := s.reconcile("billing")
	s.say("`kubectl billing suspend` while Git declares `suspend: false`", v, "is taken back; the plugin says: "+lastLine(strings.ReplaceAll(said, s.namespace, "finance")))
	if s.session("acme").Spec.Suspend || !strings.Contains(said, "Git declares") {
		t.Errorf("suspended: %v; the plugin said: %s", s.session("acme").Spec.Suspend, said)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return fmt.Sprintf("`%s`", lines[len(lines)-1])
}
