// Package plugin runs the real kubectl plugin as a process, against a real API
// server with the real manager and the stand-in of the endpoint.
package plugin

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/hack/process"
	"github.com/xtracta/billing-operator/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

// stage is a namespace in which somebody runs the plugin. Each session has its own key.
type stage struct {
	*env.Stage
	kubeconfig string
	// dir is home to the plugin, and first on its PATH.
	dir string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	cluster := env.Cluster(t)
	return &stage{Stage: env.NewStage(t, cluster), kubeconfig: cluster.KubeconfigPath(), dir: t.TempDir()}
}

// answer is what one run of the plugin came to.
type answer struct {
	t        *testing.T
	args     string
	code     int
	out, err string
}

// plugin runs the plugin in the stage's namespace, not on a terminal.
func (s *stage) plugin(args ...string) answer {
	s.T.Helper()
	return s.answers(s.command(args...), args)
}

func (s *stage) answers(cmd *exec.Cmd, args []string) answer {
	s.T.Helper()
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) {
		s.T.Fatal(err)
	}
	a := answer{s.T, strings.Join(args, " "), cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
	s.mustNotShow(a)
	return a
}

// command is the plugin as kubectl would run it. Its browser only takes notes.
func (s *stage) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(s.T.Context(), 2*env.Patience)
	s.T.Cleanup(cancel)
	// Flags of the cluster come second, where those of a row may override them.
	cmd := exec.CommandContext(ctx, env.Program(s.T, "kubectl-billing"), slices.Insert(args, 1, "--kubeconfig", s.kubeconfig, "--namespace", s.Namespace)...)
	cmd.Env = append(os.Environ(), "PATH="+s.dir+":"+os.Getenv("PATH"), "HOME="+s.dir, "TERM=xterm", "BROWSER=")
	return cmd
}

// mustNotShow looks for the key, and for URLs where none was asked for.
func (s *stage) mustNotShow(a answer) {
	s.T.Helper()
	said := a.out + a.err
	if strings.Contains(said, env.KeyPrefix) {
		s.T.Errorf("%s shows an API key:\n%s", a.args, said)
	}
	if strings.Contains(a.args, "--print") || strings.Contains(a.args, "--show-url") {
		said = a.err
	}
	if strings.Contains(said, s.URL) {
		s.T.Errorf("%s shows a URL:\n%s", a.args, said)
	}
}

// ends checks the exit code.
func (a answer) ends(code int) answer {
	a.t.Helper()
	if a.code != code {
		a.t.Errorf("%s: exit code %d, want %d\n%s%s", a.args, a.code, code, a.out, a.err)
	}
	return a
}

// says checks the errors and notes.
func (a answer) says(parts ...string) answer {
	a.t.Helper()
	for _, part := range parts {
		if !strings.Contains(a.err, part) {
			a.t.Errorf("%s: does not say %q:\n%s", a.args, part, a.err)
		}
	}
	return a
}

// prints checks the output, which must be a pattern's from end to end.
func (a answer) prints(pattern string) answer {
	a.t.Helper()
	if !regexp.MustCompile("^(?:" + pattern + ")$").MatchString(a.out) {
		a.t.Errorf("%s: prints\n%swant\n%s", a.args, a.out, pattern)
	}
	return a
}

// browserNotes makes a browser that writes down what it is given.
func browserNotes(t *testing.T, dir string) (notes string) {
	t.Helper()
	notes = filepath.Join(dir, "opened")
	script := "#!/bin/sh\nprintf %s \"$1\" > " + notes + "\n"
	if err := process.WriteProgram(filepath.Join(dir, "xdg-open"), []byte(script)); err != nil {
		t.Fatal(err)
	}
	return notes
}
