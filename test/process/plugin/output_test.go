package plugin

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

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
