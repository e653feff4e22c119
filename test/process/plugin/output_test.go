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
	full := func(t *testing.T) *os.File {
		file, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip("this system has no full disk to write to:", err)
		}
		return file
	}
	closed := func(t *testing.T) *os.File {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = reader.Close()
		return writer
	}
	for _, args := range []string{
		"", "--help", "help", "open --help", "list", "list -o wide", "list -o name", "list -o json", "list -o yaml", "list -o jsonpath={.items}",
		"list -w", "open acme --print", "explain acme", "renew acme", "suspend acme", "resume acme", "completion bash", "__complete open acme",
	} {
		for name, out := range map[string]func(*testing.T) *os.File{"no space left on device": full, "broken pipe": closed} {
			t.Run(args+" to a "+name, func(t *testing.T) {
				s := s.on(t)
				cmd := exec.Command(env.Program(s.T, "kubectl-billing"), append(strings.Fields(args), "--kubeconfig="+s.kubeconfig, "--namespace="+s.Namespace)...)
				stdout, stderr := out(t), &bytes.Buffer{}
				defer func() { _ = stdout.Close() }()
				cmd.Stdout, cmd.Stderr = stdout, stderr
				exit := (*exec.ExitError)(nil)
				if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
					t.Errorf("ends with %v, want exit code 1\n%s", err, stderr)
				}
				if want := "error: the output could not be written: " + name + "\n"; strings.Count(stderr.String(), want) != 1 || strings.Count(stderr.String(), "error") != 1 {
					t.Errorf("says %q, want once %q", stderr, want)
				}
			})
		}
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
	if err := s.Client.Status().Update(s.T.Context(), session); err != nil {
		s.T.Fatal(err)
	}
	return session
}

// What is opened was written by others. Neither --print nor the browser gets anything that
// the operator would not have accepted from the endpoint.
func TestOnlySafeURLsAreGivenOut(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	notes := browserNotes(t, s.dir)
	for name, url := range map[string]string{
		"cursor":    "https://billing.example.com/\x1b[2J",
		"latin":     "https://billing.example.com/\u009b2J",
		"lines":     "https://billing.example.com/\nhttps://evil.example/",
		"reversed":  "https://billing.example.com/\u202egpj",
		"userinfo":  "https://xtracta.com@evil.example/",
		"backslash": `https://xtracta.com\\.evil.example/`,
		"plain":     "http://billing.example.com/",
		"file":      "file:///etc/passwd",
		"script":    "javascript:alert(1)",
		"option":    "--help",
	} {
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			s.alive(name, url)
			for _, flags := range [][]string{{"--print"}, nil} {
				a := s.plugin(append([]string{"open", name}, flags...)...).prints("")
				if a.code == 0 || strings.ContainsFunc(a.err, moves) {
					t.Errorf("exit code %d and %q", a.code, a.err)
				}
			}
			if _, err := os.Stat(notes); err == nil {
				t.Error("the browser was started")
			}
		})
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
	if err := s.Client.Status().Update(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"list -o wide", "explain acme", "open acme", "open acme --print --show", "list -o json --show-url", "list -o yaml --show-url",
		"list -o jsonpath={.items[*].status.conditions[*].message}", "list -o jsonpath={.items[*].status.url} --show-url",
		"list -o go-template={{range.items}}{{.status.url}}{{end}} --show-url", "list -o xml\x1b[2J", "open ac\x1bme", "renew acme --timeout=\x1b[2J",
	} {
		t.Run(args, func(t *testing.T) {
			s := s.on(t)
			out := s.terminalOutput("NO_COLOR=1", strings.Fields(args)...)
			out = strings.ReplaceAll(out, "\r\n", "\n") // the terminal's own
			if out == "" || strings.ContainsFunc(out, moves) {
				t.Errorf("%q", out)
			}
		})
	}
}
