package plugin

import (
	"os"
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
// away from where people would begin to say another number.
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
			URL: s.URL + "/page", ExpirationTime: in(8 * time.Hour), RenewalTime: in(5 * time.Hour), SecretName: "acme",
			Conditions: []metav1.Condition{alive},
		}},
		{s.WithOwnKey("beta", builders.Labelled("team", "ap")), v1alpha1.BillingSessionStatus{
			URL: s.URL + "/page", ExpirationTime: in(4 * time.Hour), RenewalTime: in(-2 * time.Hour), SecretName: "beta",
			LastAttempt: &v1alpha1.Attempt{Time: metav1.Now(), Outcome: v1alpha1.OutcomeUnavailable, NextTime: in(3 * time.Hour)},
			Conditions: []metav1.Condition{alive,
				is(v1alpha1.ConditionRenewalFailing, metav1.ConditionTrue, v1alpha1.ReasonUnavailable, "The endpoint answered 503")},
		}},
		{s.WithOwnKey("gone"), v1alpha1.BillingSessionStatus{
			ExpirationTime: in(-5 * time.Hour), SecretName: "gone",
			Conditions: []metav1.Condition{is(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonExpired, "The URL has expired")},
		}},
		{s.WithOwnKey("rests", builders.Suspended()), v1alpha1.BillingSessionStatus{
			ExpirationTime: in(6 * time.Hour), SecretName: "rests", Conditions: []metav1.Condition{alive},
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
	t.Run("in kubectl's templates", func(t *testing.T) {
		s.on(t).plugin("list", "-o", "jsonpath={.items[0].metadata.name}{.items[0].status.url}").ends(0).prints("acme")
	})
	t.Run("where there are none", func(t *testing.T) {
		s := newStage(t)
		s.plugin("list").ends(0).prints("").says("No billing sessions found in namespace " + s.Namespace)
	})
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

func TestWatch(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.written()
	out := &env.Buffer{}
	cmd := s.command("list", "--watch")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	contains := func(line string) {
		t.Helper()
		s.Eventually("a line "+line, func() string {
			if strings.Contains(out.String(), line) {
				return ""
			}
			return "it shows\n" + out.String()
		})
	}
	contains("\nuntouched   Unknown   -")
	if err := s.Client.Delete(t.Context(), s.Get("gone")); err != nil {
		t.Fatal(err)
	}
	contains("\ngone        Deleted   -")
	s.WithOwnKey("late")
	contains("\nlate        Unknown   -")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if strings.Count(out.String(), "NAME") != 1 || strings.Contains(out.String(), s.URL) {
		t.Errorf("%s", out)
	}
}
