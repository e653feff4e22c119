package plugin

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
)

// A script must not take half an output for all of it.
func TestOutputThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.alive("acme", s.URL+"/page")
	for _, args := range []string{
		"--help", "list", "list -o json", "list -w", "open acme --print", "explain acme", "renew acme", "completion bash", "__complete open acme",
	} {
		t.Run(args, func(t *testing.T) {
			s := s.on(t)
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Skip("this system has no full disk to write to:", err)
			}
			defer func() { _ = full.Close() }()
			s.cannotWrite(full, args, "no space left on device")
		})
	}
	t.Run("a pipe that nobody reads", func(t *testing.T) {
		reader, writer, err := os.Pipe()
		s.Must(err)
		_ = reader.Close()
		defer func() { _ = writer.Close() }()
		s.on(t).cannotWrite(writer, "list", "broken pipe")
	})
}

func (s *stage) cannotWrite(to *os.File, args, because string) {
	s.T.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(env.Program(s.T, "kubectl-billing"), append(strings.Fields(args), "--kubeconfig="+s.kubeconfig, "--namespace="+s.Namespace)...)
	cmd.Stdout, cmd.Stderr = to, &stderr
	exit := (*exec.ExitError)(nil)
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		s.T.Errorf("ends with %v, want exit code 1\n%s", err, &stderr)
	}
	if want := "error: the output could not be written: " + because + "\n"; strings.Count(stderr.String(), want) != 1 || strings.Count(stderr.String(), "error") != 1 {
		s.T.Errorf("says %q, want once %q", &stderr, want)
	}
}

// alive is a session whose status shows a URL, kept by no manager.
func (s *stage) alive(name, url string) *v1alpha1.BillingSession {
	s.T.Helper()
	session := s.WithOwnKey(name)
	in := func(d time.Duration) *metav1.Time { at := metav1.NewTime(time.Now().Add(d)); return &at }
	session.Status = v1alpha1.BillingSessionStatus{
		ObservedGeneration: 1, URL: url, IssueTime: in(0), ExpirationTime: in(time.Hour), RenewalTime: in(30 * time.Minute),
		IssuedFor: &v1alpha1.IssuedFor{Inputs: v1alpha1.Inputs{ExpirationSeconds: 600}},
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonIssued,
			Message: "The URL is alive", LastTransitionTime: metav1.Now()}},
	}
	s.Must(s.Client.Status().Update(s.T.Context(), session))
	return session
}

// What is opened was written by others. Neither --print nor the browser gets anything that
// the operator would not have accepted from the endpoint.
func TestOnlySafeURLsAreGivenOut(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	notes := browserNotes(t, s.dir)
	for name, url := range map[string]string{"cursor": "https://billing.example.com/\x1b[2J", "option": "--help"} {
		s.alive(name, url)
		for _, args := range [][]string{{"open", name, "--print"}, {"open", name}} {
			if a := s.plugin(args...).prints(""); a.code == 0 || strings.ContainsFunc(a.err, moves) {
				t.Errorf("exit code %d and %q", a.code, a.err)
			}
		}
	}
	if _, err := os.Stat(notes); err == nil {
		t.Error("the browser was started")
	}
}

// moves reports whether a character could move the cursor of a terminal.
func moves(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }

func TestATerminalGetsNoControlCharacters(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	session := s.alive("acme", "https://billing.example.com/\x1b]0;title\a")
	session.Status.Conditions[0].Message = "over\rwritten \x1b[2J\u009b2J \b\b\u202egpj"
	session.Status.Conditions[0].Status, session.Status.Conditions[0].Reason = metav1.ConditionFalse, v1alpha1.ReasonRejected
	s.Must(s.Client.Status().Update(t.Context(), session))
	for _, args := range []string{
		"list -o wide", "explain acme", "open acme", "list -o json --show-url", "list -o jsonpath={.items[*].status.url} --show-url",
		"list -o xml\x1b[2J", "renew acme --timeout=\x1b[2J",
	} {
		a := s.onTerminal("NO_COLOR=1", strings.Fields(args)...)
		if out := strings.ReplaceAll(a.out, "\r\n", "\n"); out == "" || strings.ContainsFunc(out, moves) { // the terminal's own
			t.Errorf("%s: %q", args, out)
		}
	}
}
