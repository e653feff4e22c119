package plugin

import (
	"os"
	"strings"
	"testing"
	"time"

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
	s.WithOwnKey("short", builders.Expiration(60))
	s.WithOwnKey("rests", builders.Suspended())
	s.WithOwnKey("refused")
	s.Standin.RevokeKeys(env.KeyOf("refused"))
	for _, name := range []string{"acme", "hidden", "short"} {
		s.Ready(name)
	}
	opened := func() string {
		url, err := os.ReadFile(notes)
		if err != nil {
			t.Fatal(err)
		}
		return string(url)
	}
	for _, name := range []string{"acme", "hidden"} {
		a := s.plugin("open", "bs/"+name).ends(0).says("chatter")
		if url := opened(); url == "" || url != s.URLIn(name) {
			t.Errorf("%s: the browser got %q", name, url)
		}
		if want := "Opened the billing page of " + name + " in your browser; it works for "; !strings.HasPrefix(a.out, want) {
			t.Errorf("%s", a.out)
		}
	}
	s.plugin("open", "hidden", "--print").ends(0).prints(s.URLIn("hidden") + "\n")
	s.plugin("open", "short", "--print").ends(0).says("Warning: this URL works for only", "open short --fresh -n "+s.Namespace)
	s.plugin("suspend", "short").ends(0)
	s.plugin("open", "short", "--print").ends(0).says("Warning: this URL works for only", "resume short -n "+s.Namespace)

	old := s.URLIn("acme")
	s.plugin("open", "acme", "--print", "--fresh", "--timeout", env.Patience.String()).ends(0).prints(s.URLIn("acme") + "\n")
	if s.URLIn("acme") == old {
		t.Error("--fresh brought the old URL")
	}
	s.plugin("open", "rests").ends(3).says("has no URL yet, and the session is suspended", "kubectl billing resume rests")
	s.Reaches("refused", v1alpha1.ConditionStalled, v1alpha1.ReasonRejected)
	s.plugin("open", "refused").ends(3).says("has no URL yet", "403", "kubectl billing explain refused")

	cmd := s.command("open", "acme")
	cmd.Env = append(cmd.Env, "PATH=/nowhere")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "no browser could be opened") || !strings.Contains(string(out), "--print") {
		t.Errorf("without a browser: %v\n%s", err, out)
	}
}

func TestAnExpiredURLIsNotOpened(t *testing.T) {
	t.Parallel()
	s := newStage(t, standin.WithMaxLife(20*time.Second))
	manager := s.StartManager()
	s.WithOwnKey("acme")
	s.Ready("acme")
	manager.Kill()
	s.Eventually("the URL expires", func() string {
		if a := s.plugin("open", "acme", "--print"); a.code == 0 {
			return "it is still opened"
		}
		return ""
	})
	s.plugin("open", "acme", "--print").ends(3).prints("").says("the URL of session \"acme\" expired", "open acme --fresh")
	a := s.plugin("list").ends(0)
	if !strings.Contains(a.out, "expired") || !strings.Contains(a.out, v1alpha1.ReasonExpired) {
		t.Errorf("%s", a.out)
	}
}

func TestRenew(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.StartManager()
	for _, name := range []string{"acme", "beta", "refused", "down"} {
		s.WithOwnKey(name, builders.Expiration(long), builders.Labelled("group", name))
	}
	old := map[string]string{}
	for _, name := range []string{"acme", "beta", "refused", "down"} {
		s.Ready(name)
		old[name] = s.URLIn(name)
	}
	s.WithOwnKey("rests", builders.Suspended(), builders.Labelled("group", "rests"))
	s.Misbehave("refused", standin.BodyStatus(403, "No access"))
	s.Misbehave("down", standin.Status(503))
	wait := []string{"--wait", "--timeout", env.Patience.String()}

	s.plugin(append([]string{"renew", "acme", "bs/beta"}, wait...)...).ends(0).
		says("acme: waiting for a fresh URL ...").sorted().goldenWithoutSpans(s, "renew.txt")
	for _, name := range []string{"acme", "beta"} {
		if s.URLIn(name) == old[name] {
			t.Errorf("%s still has the old URL", name)
		}
	}
	s.plugin(append([]string{"renew", "refused"}, wait...)...).ends(1).prints("").
		says("refused: the endpoint rejected the request", "No access", "Correct the API key")
	s.plugin("renew", "down", "--wait", "--timeout", "15s").ends(4).prints("").
		says("down: no answer within 15s", "503", "explain down -n "+s.Namespace)
	s.Misbehave("beta", standin.SameURL())
	s.plugin(append([]string{"renew", "beta"}, wait...)...).ends(0).goldenWithoutSpans(s, "renew-in-vain.txt")
	s.Misbehave("beta")
	s.plugin(append([]string{"renew", "rests"}, wait...)...).ends(3).says("rests is suspended", "resume rests")
	for _, name := range []string{"refused", "down"} {
		if s.URLIn(name) != old[name] {
			t.Errorf("%s lost the URL that works", name)
		}
	}
	s.plugin("renew", "rests").ends(0).prints(reference + "rests renewal requested\n").says("Warning: rests is suspended, so the request waits")

	s.plugin("renew", "-l", "group in (acme,rests)").ends(0).
		prints(reference + "acme renewal requested\n" + reference + "rests renewal requested\n")
	s.plugin("renew", "-l", "group=nobody", "--wait").ends(0).prints("").says("No billing sessions found")
	s.Misbehave("refused")
	s.Misbehave("down")
	s.plugin("resume", "rests").ends(0).prints(reference + "rests resumed\n")
	a := s.plugin(append([]string{"renew", "--all"}, wait...)...).ends(0)
	if strings.Count(a.out, " renewed; its URL works for ") != 5 {
		t.Errorf("%s", a.out)
	}
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

func TestExplain(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.WithOwnKey("untouched")
	s.plugin("explain", "untouched").ends(0).goldenWithoutSpans(s, "explain-untouched.txt")
	s.StartManager()

	s.WithOwnKey("acme", builders.Expiration(long))
	s.WithOwnKey("failing", builders.Expiration(long))
	s.WithOwnKey("rests", builders.Suspended())
	s.withoutKey("keyless")
	s.Create(builders.ForeignSecret(s.Namespace, "foreign"))
	s.WithOwnKey("foreign")
	s.Standin.AddKeys(env.KeyOf("refused"), env.KeyOf("throttled"))
	s.Misbehave("refused", standin.BodyStatus(403, "No access"))
	s.Misbehave("throttled", standin.Throttle(30*time.Minute))
	s.WithOwnKey("refused")
	s.WithOwnKey("throttled")
	s.Ready("failing")
	s.Misbehave("failing", standin.Throttle(30*time.Minute))
	s.plugin("renew", "failing").ends(0)
	s.Ready("acme")
	s.WithOwnKey("rival", builders.SecretName("acme"))
	s.aSecondLaterThan("keyless") // of those of one second nobody is older
	s.WithOwnKey("younger", builders.SecretName("keyless"))
	s.Reaches("throttled", v1alpha1.ConditionReady, v1alpha1.ReasonThrottled)
	s.Create(builders.Session("waits", builders.In(s.Namespace), builders.KeySecret("key-throttled")))
	for _, row := range []struct{ name, kind, reason string }{
		{"acme", v1alpha1.ConditionReady, v1alpha1.ReasonIssued},
		{"failing", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonThrottled},
		{"rests", v1alpha1.ConditionReady, v1alpha1.ReasonSuspended},
		{"keyless", v1alpha1.ConditionReconciling, v1alpha1.ReasonKeySecretMissing},
		{"foreign", v1alpha1.ConditionStalled, v1alpha1.ReasonSecretConflict},
		{"rival", v1alpha1.ConditionStalled, v1alpha1.ReasonSecretConflict},
		{"younger", v1alpha1.ConditionStalled, v1alpha1.ReasonSecretConflict},
		{"refused", v1alpha1.ConditionStalled, v1alpha1.ReasonRejected},
		{"throttled", v1alpha1.ConditionReady, v1alpha1.ReasonThrottled},
		{"waits", v1alpha1.ConditionReady, v1alpha1.ReasonThrottled},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := s.on(t)
			s.Reaches(row.name, row.kind, row.reason)
			s.plugin("explain", row.name).ends(0).goldenWithoutSpans(s, "explain-"+row.name+".txt")
		})
	}
	total := s.Standin.Requests(env.KeyOf("acme"))
	s.plugin("explain", "acme").ends(0)
	if got := s.Standin.Requests(env.KeyOf("acme")); got != total {
		t.Errorf("to explain spent %d requests", got-total)
	}
}

func (s *stage) aSecondLaterThan(name string) {
	s.T.Helper()
	created := s.Get(name).CreationTimestamp.Time
	s.Eventually("the next second", func() string {
		if time.Since(created) > time.Second {
			return ""
		}
		return "not yet"
	})
}
