package plugin

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
)

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
	s.WithOwnKey("acme")
	// No manager keeps this status. Its time is half an hour away from where a table would
	// begin to show another number.
	beta := s.WithOwnKey("beta")
	expires := metav1.NewTime(time.Now().Add(16*time.Hour + 30*time.Minute))
	beta.Status = v1alpha1.BillingSessionStatus{URL: s.URL + "/page", ExpirationTime: &expires, Conditions: []metav1.Condition{{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonIssued, LastTransitionTime: metav1.Now()}}}
	s.Must(s.Client.Status().Update(t.Context(), beta))

	all, stopAll := s.followed("list")
	one, stopOne := s.followed("get", "beta", "--no-headers")
	all("\nbeta   True      16h         -")
	one("beta   True   16h   -")
	s.Delete(s.Get("acme"))
	s.Delete(s.Get("beta"))
	all("\nacme   Deleted   -")
	one("\nbeta   Deleted   -")
	s.WithOwnKey("late")
	all("\nlate   Unknown   -")
	if out := stopAll(); strings.Count(out, "NAME") != 1 || strings.Contains(out, s.URL) {
		t.Errorf("%s", out)
	}
	if out := stopOne(); strings.Contains(out, "acme") || strings.Contains(out, "NAME") {
		t.Errorf("%s", out)
	}
}

// Without a reader the process must not end with nothing said, as by the signal.
func TestAPipeThatNobodyReads(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	reader, writer, err := os.Pipe()
	s.Must(err)
	_ = reader.Close()
	defer func() { _ = writer.Close() }()
	var said bytes.Buffer
	cmd := s.command("version", "--client")
	cmd.Stdout, cmd.Stderr = writer, &said
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 || said.String() != "error: the output could not be written: broken pipe\n" {
		t.Errorf("ends with %v and says %q", err, &said)
	}
}
