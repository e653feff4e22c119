package plugin

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// written are sessions whose status no manager keeps. Their times are half a unit
// away from where a table would begin to show another number.
func (s *stage) written() {
	s.T.Helper()
	const halfPast = 30 * time.Minute
	is := func(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.Now()}
	}
	in := func(d time.Duration) *metav1.Time {
		at := metav1.NewTime(time.Now().Add(d + halfPast))
		return &at
	}
	alive := is(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonIssued, "The URL is alive")
	for _, row := range []struct {
		session *v1alpha1.BillingSession
		status  v1alpha1.BillingSessionStatus
	}{
		{s.WithOwnKey("acme", builders.Labelled("team", "ap")), v1alpha1.BillingSessionStatus{
			URL: s.URL + "/page", ExpirationTime: in(20 * time.Hour), RenewalTime: in(12 * time.Hour), SecretName: "acme",
			Conditions: []metav1.Condition{alive},
		}},
		{s.WithOwnKey("beta", builders.Labelled("team", "ap")), v1alpha1.BillingSessionStatus{
			URL: s.URL + "/page", ExpirationTime: in(16 * time.Hour), RenewalTime: in(-2 * time.Hour), SecretName: "beta",
			LastAttempt: &v1alpha1.Attempt{Time: metav1.Now(), Outcome: v1alpha1.OutcomeUnavailable, NextTime: in(10 * time.Hour)},
			Conditions: []metav1.Condition{alive,
				is(v1alpha1.ConditionRenewalFailing, metav1.ConditionTrue, v1alpha1.ReasonUnavailable, "The endpoint answered 503")},
		}},
		{s.WithOwnKey("gone"), v1alpha1.BillingSessionStatus{
			ExpirationTime: in(-9 * time.Hour), SecretName: "gone",
			Conditions: []metav1.Condition{is(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonExpired, "The URL has expired")},
		}},
		{s.WithOwnKey("rests", builders.Suspended()), v1alpha1.BillingSessionStatus{
			ExpirationTime: in(18 * time.Hour), SecretName: "rests", Conditions: []metav1.Condition{alive},
		}},
	} {
		row.session.Status = row.status
		if err := s.Client.Status().Update(s.T.Context(), row.session); err != nil {
			s.T.Fatal(err)
		}
	}
	s.WithOwnKey("untouched")
}

func TestList(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.written()
	for _, row := range []struct{ golden, args string }{
		{"list.txt", "list"},
		{"list-by-expiry.txt", "list --sort-by=expiry"},
		{"list-labelled.txt", "list -l team=ap"},
		{"list.name", "list -o name"},
		{"list.json", "list -l team=ap -o json"},
		{"list.yaml", "list -l team=ap -o yaml"},
		{"list-with-urls.yaml", "list -l team=ap -o yaml --show-url"},
		{"list-without-headers.txt", "list --no-headers"},
		{"get.txt", "get acme"},
		{"get.json", "get acme -o json"},
		{"get.name", "get bsess/acme -o name"},
		{"list-labelled.txt", "get beta acme"},
	} {
		t.Run(row.args, func(t *testing.T) {
			s := s.on(t)
			s.plugin(strings.Fields(row.args)...).ends(0).golden(s, row.golden)
		})
	}
	t.Run("of all namespaces", func(t *testing.T) {
		a := s.on(t).plugin("list", "-A").ends(0)
		if !strings.HasPrefix(a.out, "NAMESPACE ") || !strings.Contains(a.out, s.Namespace+" ") {
			t.Errorf("%s", a.out)
		}
	})
	t.Run("with all there is", func(t *testing.T) {
		a := s.on(t).plugin("list", "-o", "wide").ends(0)
		header, rows, _ := strings.Cut(a.out, "\n")
		want := []string{"NAME", "READY", "LIFE", "LEFT", "RENEWS", "CAUSE", "EXPIRES", "SECRET", "AGE", "MESSAGE"}
		if !slices.Equal(strings.Fields(header), want) || !strings.Contains(rows, "The endpoint answered 503\n") {
			t.Errorf("%s", a.out)
		}
	})
	t.Run("in kubectl's templates", func(t *testing.T) {
		s.on(t).plugin("list", "-o", "jsonpath={.items[0].metadata.name}{.items[0].status.url}").ends(0).prints("acme")
	})
	t.Run("those that exist are printed all the same", func(t *testing.T) {
		s := s.on(t)
		s.plugin("get", "acme", "nobody").ends(1).says(`there is no session "nobody" in namespace`).golden(s, "get.txt")
	})
	t.Run("where there are none", func(t *testing.T) {
		s := newStage(t)
		s.plugin("list").ends(0).prints("").says("No billing sessions found in namespace " + s.Namespace)
	})
}

// A script that gets no URL must not take that for the truth, and one that asked for none
// must not be bothered.
func TestLeavingOutURLsIsSaidOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.written()
	const note = "status.url is left out; to include it, add --show-url.\n"
	for _, row := range []struct{ args, says string }{
		{"list -o json", note},
		{"list -o yaml", note},
		{"list -o kyaml", note},
		{"get acme -o json", note},
		{"get acme beta -o yaml", note},
		{"list -o jsonpath={.items[*].status.url}", note},
		{"list -o jsonpath={.items[*].status}", note},
		{"get acme -o go-template={{.status.url}}", note},
		{"get acme --template={{.status.url}}", note},
		{"list", ""},
		{"list -o wide", ""},
		{"list -o name", ""},
		{"list -o json --show-url", ""},
		{"get gone -o json", ""}, // it has none
		{"list -o jsonpath={.items[*].metadata.name}", ""},
		{"get acme -o go-template={{.status.secretName}}", ""},
	} {
		t.Run(row.args, func(t *testing.T) {
			if a := s.on(t).plugin(strings.Fields(row.args)...).ends(0); a.err != row.says {
				t.Errorf("says %q, want %q", a.err, row.says)
			}
		})
	}
}

func TestColoursAreForTerminalsAlone(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.written()
	for _, row := range []struct{ golden, why, environment string }{
		{"list-on-terminal.txt", "a terminal has colours", "TERM=xterm"},
		{"list.txt", "who wants none gets none", "NO_COLOR=1"},
		{"list.txt", "who wants none in the shortest way gets none", "NO_COLOR="},
		{"list.txt", "a terminal may know none", "TERM=dumb"},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := s.on(t)
			a := s.onTerminal(row.environment, "list")
			a.golden(s, row.golden)
		})
	}
}

// onTerminal runs the plugin with a terminal for its streams.
func (s *stage) onTerminal(environment string, args ...string) answer {
	s.T.Helper()
	out, err := s.runOnTerminal(environment, args...)
	if err != nil {
		s.T.Fatalf("%v\n%s", err, out)
	}
	a := answer{t: s.T, args: strings.Join(args, " "), out: out}
	s.mustNotShow(a)
	return a
}

// terminalOutput is what a terminal is sent, whether or not the command succeeds.
func (s *stage) terminalOutput(environment string, args ...string) string {
	s.T.Helper()
	out, _ := s.runOnTerminal(environment, args...)
	return out
}

func (s *stage) runOnTerminal(environment string, args ...string) (string, error) {
	s.T.Helper()
	cmd := s.command(args...)
	cmd.Env = append(cmd.Env, environment)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 200})
	if err != nil {
		s.T.Fatal(err)
	}
	defer func() { _ = terminal.Close() }()
	out := &env.Buffer{}
	_, _ = copyTerminal(out, terminal)
	err = cmd.Wait()
	return out.String(), err
}

// followed runs a list that watches until the test has seen enough of it.
func (s *stage) followed(args ...string) (contains func(line string), stop func() string) {
	s.T.Helper()
	out := &env.Buffer{}
	cmd := s.command(append(args, "--watch")...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		s.T.Fatal(err)
	}
	contains = func(line string) {
		s.T.Helper()
		s.Eventually("a line "+line, func() string {
			if strings.Contains(out.String(), line) {
				return ""
			}
			return "it shows\n" + out.String()
		})
	}
	return contains, func() string {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		return out.String()
	}
}

func TestWatchOfOne(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.written()
	contains, stop := s.followed("get", "beta", "--no-headers")
	contains("beta   True   16h   in 10h   Unavailable\n")
	for _, name := range []string{"acme", "beta"} {
		if err := s.Client.Delete(t.Context(), s.Get(name)); err != nil {
			t.Fatal(err)
		}
	}
	contains("\nbeta   Deleted   -")
	if out := stop(); strings.Contains(out, "acme") || strings.Contains(out, "NAME") {
		t.Errorf("%s", out)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.written()
	contains, stop := s.followed("list")
	contains("\nuntouched   Unknown   -")
	if err := s.Client.Delete(t.Context(), s.Get("gone")); err != nil {
		t.Fatal(err)
	}
	contains("\ngone        Deleted   -")
	s.WithOwnKey("late")
	contains("\nlate        Unknown   -")
	if out := stop(); strings.Count(out, "NAME") != 1 || strings.Contains(out, s.URL) {
		t.Errorf("%s", out)
	}
}
