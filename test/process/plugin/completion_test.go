package plugin

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/hack/process"
	"github.com/xtracta/billing-operator/test/env"
)

func TestNamesAreCompleted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.WithOwnKey("acme")
	s.WithOwnKey("beta")
	completer := filepath.Join(s.dir, "kubectl_complete-billing") // what kubectl looks for
	if err := os.Symlink(env.Program(s.T, "kubectl-billing"), completer); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		why, args string
		want      []string
	}{
		{"whom to open", "open", []string{"acme", "beta"}},
		{"only one is opened", "open acme", nil},
		{"whom else to renew", "renew acme", []string{"beta"}},
		{"how to print", "list -o", []string{"wide", "json", "yaml", "name"}},
		{"how to sort", "list --sort-by", []string{"name", "expiry"}},
		{"which to list", "list", []string{"acme", "beta"}},
		{"which others to get", "get beta", []string{"acme"}},
		{"nobody wants an error for pressing Tab", "open --server=https://127.0.0.1:1", nil},
	} {
		t.Run(row.why, func(t *testing.T) {
			s, args := s.on(t), append(strings.Fields(row.args), "")
			cmd := s.command(args...)
			cmd.Path, cmd.Args[0] = completer, completer
			a := s.answers(cmd, args).ends(0)
			lines := strings.Fields(a.out)
			if len(lines) == 0 || !strings.HasPrefix(lines[len(lines)-1], ":") || !slices.Equal(lines[:len(lines)-1], row.want) {
				t.Errorf("%q, want %q", lines, row.want)
			}
		})
	}
}

// A completer is started with the line that the user is still typing. However it is
// called, it must not execute that line.
func TestACompleterNeverActs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.WithOwnKey("acme")
	program, err := os.ReadFile(env.Program(s.T, "kubectl-billing"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		link bool
	}{
		{"kubectl_complete-billing", false},
		{"kubectl_complete-billing", true},
		{"kubectl_complete-billing.exe", true},
		{"KUBECTL_COMPLETE-BILLING.EXE", true},
		{"Kubectl_Complete-billing", false},
		{"kubectl_complete-billing.com", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := s.on(t)
			completer := filepath.Join(t.TempDir(), row.name)
			if row.link {
				err = os.Symlink(env.Program(s.T, "kubectl-billing"), completer)
			} else {
				err = process.WriteProgram(completer, program)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range []string{"suspend acme", "suspend --all", "renew acme", "renew -l=team"} {
				args := append(strings.Fields(line), "")
				cmd := s.command(args...)
				cmd.Path, cmd.Args[0] = completer, completer
				if a := s.answers(cmd, args).ends(0); !strings.Contains(a.out, ":4\n") {
					t.Errorf("%s does not complete: %s", line, a.out)
				}
			}
			session := s.Get("acme")
			if session.Spec.Suspend || len(session.Annotations) > 0 {
				t.Errorf("Tab changed the session: suspend is %t, annotations are %v", session.Spec.Suspend, session.Annotations)
			}
		})
	}
}

// kubectl itself finds the plugin and the completer on the PATH, by their names.
func TestKubectlFindsThePlugin(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.WithOwnKey("acme")
	kubectl := filepath.Join(s.dir, "kubectl")
	build := exec.Command("go", "build", "-o", kubectl, ".")
	build.Dir = "kubectl"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build kubectl: %v\n%s", err, out)
	}
	for _, name := range []string{"kubectl-billing", "kubectl_complete-billing"} {
		if err := os.Symlink(env.Program(s.T, "kubectl-billing"), filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) answer {
		cmd := s.command("list")
		cmd.Path, cmd.Args = kubectl, append([]string{kubectl}, args...)
		cmd.Env = append(cmd.Env, "KUBECONFIG="+s.kubeconfig)
		return s.answers(cmd, args)
	}
	if a := run("plugin", "list").ends(0); !strings.Contains(a.out, filepath.Join(s.dir, "kubectl-billing")+"\n") || strings.Contains(a.out+a.err, "complete") {
		t.Errorf("%s%s", a.out, a.err)
	}
	if a := run("billing", "list", "-n", s.Namespace).ends(0); !strings.Contains(a.out, "acme") {
		t.Errorf("%s", a.out)
	}
	for _, line := range []string{"suspend", "renew", "open", "explain"} {
		a := run("__complete", "billing", line, "-n", s.Namespace, "").ends(0)
		if lines := strings.Fields(a.out); !slices.Equal(lines[:min(1, len(lines))], []string{"acme"}) {
			t.Errorf("Tab behind %s offers %q", line, a.out)
		}
		run("__complete", "billing", line, "-n", s.Namespace, "acme", "").ends(0)
	}
	if session := s.Get("acme"); session.Spec.Suspend || len(session.Annotations) > 0 {
		t.Errorf("Tab changed the session: suspend is %t, annotations are %v", session.Spec.Suspend, session.Annotations)
	}
}
