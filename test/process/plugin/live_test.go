package plugin

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

const (
	reference = "billingsession.billing.xtracta.com/"
	// long is a life so long that nothing renews by itself during a test.
	long = 3600
)

func TestOpen(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	notes := browserNotes(t, s.dir)
	s.StartManager()
	s.WithOwnKey("acme", builders.Expiration(long))
	s.WithOwnKey("hidden", builders.Expiration(long), builders.Hidden())
	for _, name := range []string{"acme", "hidden"} {
		s.Ready(name)
		a := s.plugin("open", "bs/"+name).ends(0)
		if want := "Opened the billing page of " + name + " in your browser; it works for "; !strings.HasPrefix(a.out, want) {
			t.Errorf("%s", a.out)
		}
		s.Eventually("the browser gets the URL of "+name, func() string { // open does not wait for all of it
			opened, _ := os.ReadFile(notes)
			return env.Unless(string(opened) == s.URLIn(name), string(opened))
		})
	}
	old := s.URLIn("acme")
	s.plugin("open", "acme", "--print", "--fresh", "--timeout", env.Patience.String()).ends(0).prints(regexp.QuoteMeta(s.URLIn("acme")) + "\n")
	if s.URLIn("acme") == old {
		t.Error("--fresh brought the old URL")
	}

	cmd := s.command("open", "acme")
	cmd.Env = append(cmd.Env, "PATH=/nowhere")
	s.answers(cmd, []string{"open", "acme", "without a browser"}).ends(1).says("no browser could be opened", "--print")
}

func TestRenew(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.StartManager()
	old := map[string]string{}
	for _, name := range []string{"acme", "beta", "refused", "down"} {
		s.WithOwnKey(name, builders.Expiration(long), builders.Labelled("group", name))
		s.Ready(name)
		old[name] = s.URLIn(name)
	}
	s.WithOwnKey("rests", builders.Suspended(), builders.Labelled("group", "rests"))
	s.Misbehave("refused", standin.BodyStatus(403, "No access"))
	s.Misbehave("down", standin.Status(503))
	wait := []string{"--wait", "--timeout", env.Patience.String()}

	s.plugin(append([]string{"renew", "-l", "group in (acme,beta)"}, wait...)...).ends(0).
		says("acme: waiting for a fresh URL ...").prints("(" + reference + `(acme|beta) renewed; its URL works for \S+\n){2}`)
	for _, name := range []string{"acme", "beta"} {
		if s.URLIn(name) == old[name] {
			t.Errorf("%s still has the old URL", name)
		}
	}
	s.plugin(append([]string{"renew", "refused"}, wait...)...).ends(1).prints("").
		says("refused: the endpoint rejected the request", "No access", "explain refused -n "+s.Namespace)
	s.RequestRenewal("down", "1")
	s.Reaches("down", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonUnavailable)
	s.plugin("renew", "down", "--wait", "--timeout", "2s").ends(4).prints("").
		says("down: no answer within 2s", "503", "explain down -n "+s.Namespace)
	s.Misbehave("beta", standin.SameURL())
	s.plugin(append([]string{"renew", "beta"}, wait...)...).ends(0).
		prints(reference + `beta keeps its URL, because the endpoint gave none that works longer; it works for \S+\n`)
	s.plugin(append([]string{"renew", "rests"}, wait...)...).ends(3).says("rests is suspended", "resume rests")
	for _, name := range []string{"refused", "down"} {
		if s.URLIn(name) != old[name] {
			t.Errorf("%s lost the URL that works", name)
		}
	}
	s.plugin("renew", "-l", "group in (acme,rests)").ends(0).
		prints(reference + "acme renewal requested\n" + reference + "rests renewal requested\n").
		says("Warning: rests is suspended, so the request waits")
}

func TestSuspendAndResume(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.WithOwnKey("acme")
	s.WithOwnKey("beta", builders.Suspended())
	s.plugin("suspend", "--all").ends(0).prints(reference + "acme suspended\n" + reference + "beta suspended already\n")
	if !s.Get("acme").Spec.Suspend {
		t.Error("acme is not suspended")
	}
	s.plugin("resume", "acme").ends(0).prints(reference + "acme resumed\n")
	s.plugin("resume", "acme").ends(0).prints(reference + "acme resumed already\n")
	if s.Get("acme").Spec.Suspend || !s.Get("beta").Spec.Suspend {
		t.Error("acme alone should go on")
	}
}
