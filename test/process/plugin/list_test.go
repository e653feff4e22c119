package plugin

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
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
		s.Must(s.Client.Status().Update(s.T.Context(), row.session))
	}
	s.WithOwnKey("untouched")
}

func TestList(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.written()
	for _, row := range []struct{ golden, args string }{
		{"list.txt", "list"},
		{"list.name", "list -o name"},
		{"list.json", "list -l team=ap -o json"},
		{"list-with-urls.yaml", "list -l team=ap -o yaml --show-url"},
	} {
		t.Run(row.args, func(t *testing.T) {
			s := s.on(t)
			s.plugin(strings.Fields(row.args)...).ends(0).golden(s, row.golden)
		})
	}
	t.Run("of all namespaces, with all there is", func(t *testing.T) {
		a := s.on(t).plugin("list", "-A", "-o", "wide").ends(0)
		header, rows, _ := strings.Cut(a.out, "\n")
		want := []string{"NAMESPACE", "NAME", "READY", "LIFE", "LEFT", "RENEWS", "CAUSE", "EXPIRES", "SECRET", "AGE", "MESSAGE"}
		if !slices.Equal(strings.Fields(header), want) || !strings.Contains(rows, s.Namespace+" ") || !strings.Contains(rows, "The endpoint answered 503\n") {
			t.Errorf("%s", a.out)
		}
	})
	t.Run("in kubectl's templates, without URLs", func(t *testing.T) {
		s.on(t).plugin("list", "-o", "jsonpath={.items[0].metadata.name}{.items[0].status.url}").ends(0).prints("acme").
			says("status.url is left out; to include it, add --show-url.\n")
	})
	t.Run("those that exist are printed all the same", func(t *testing.T) {
		s := s.on(t)
		s.plugin("get", "bsess/acme", "nobody", "-o", "name").ends(1).prints(reference + "acme\n").says(`there is no session "nobody" in namespace`)
	})
	t.Run("where there are none", func(t *testing.T) {
		s := newStage(t)
		s.plugin("list").ends(0).prints("").says("No billing sessions found in namespace " + s.Namespace)
	})
}

// onTerminal runs the plugin with a terminal for its streams.
func (s *stage) onTerminal(environment string, args ...string) answer {
	s.T.Helper()
	cmd := s.command(args...)
	cmd.Env = append(cmd.Env, environment)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 200})
	s.Must(err)
	defer func() { _ = terminal.Close() }()
	out, err := io.ReadAll(terminal)
	if !errors.Is(err, syscall.EIO) { // by which Linux tells that the other side has hung up
		s.Must(err)
	}
	_ = cmd.Wait()
	a := answer{t: s.T, args: strings.Join(args, " "), code: cmd.ProcessState.ExitCode(), out: string(out)}
	s.mustNotShow(a)
	return a
}

// followed runs a list that watches until the test has seen enough of it.
func (s *stage) followed(args ...string) (contains func(line string), stop func() string) {
	s.T.Helper()
	out := &env.Buffer{}
	cmd := s.command(append(args, "--watch")...)
	cmd.Stdout, cmd.Stderr = out, out
	s.Must(cmd.Start())
	contains = func(line string) {
		s.T.Helper()
		s.Eventually("a line "+line, func() string {
			return env.Unless(strings.Contains(out.String(), line), "it shows\n"+out.String())
		})
	}
	return contains, func() string {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		return out.String()
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.written()
	all, stopAll := s.followed("list")
	one, stopOne := s.followed("get", "beta", "--no-headers")
	all("\nuntouched   Unknown   -")
	one("beta   True   16h   in 10h   Unavailable\n")
	s.Delete(s.Get("acme"))
	s.Delete(s.Get("beta"))
	all("\nacme        Deleted   -")
	one("\nbeta   Deleted   -")
	s.WithOwnKey("late")
	all("\nlate        Unknown   -")
	if out := stopAll(); strings.Count(out, "NAME") != 1 || strings.Contains(out, s.URL) {
		t.Errorf("%s", out)
	}
	if out := stopOne(); strings.Contains(out, "acme") || strings.Contains(out, "NAME") {
		t.Errorf("%s", out)
	}
}
