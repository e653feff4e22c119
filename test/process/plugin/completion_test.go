package plugin

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/test/env"
)

// kubectl finds the plugin and the completer on the PATH, by their names. It starts the completer
// with the line that the user is still typing, which must not be executed.
func TestKubectlFindsThePlugin(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.WithOwnKey("acme")
	s.WithOwnKey("beta")
	for _, name := range []string{"kubectl-billing", "kubectl_complete-billing"} {
		s.Must(os.Symlink(env.Program(t, "kubectl-billing"), filepath.Join(s.dir, name)))
	}
	kubectl := func(args ...string) answer {
		cmd := s.command("list")
		cmd.Path, cmd.Args = env.Tool(t, "kubectl"), append([]string{"kubectl"}, args...)
		cmd.Env = append(cmd.Env, "KUBECONFIG="+s.kubeconfig)
		return s.answers(cmd, args)
	}
	if a := kubectl("plugin", "list").ends(0); !strings.Contains(a.out, filepath.Join(s.dir, "kubectl-billing")+"\n") || strings.Contains(a.out+a.err, "complete") {
		t.Errorf("%s%s", a.out, a.err)
	}
	if a := kubectl("billing", "list", "-A").ends(0); !regexp.MustCompile(`(?m)^` + s.Namespace + ` +acme `).MatchString(a.out) {
		t.Errorf("%s", a.out)
	}
	s.Eventually("Tab behind suspend acme", func() string { // which offers nothing when the cluster takes too long
		a := kubectl("__complete", "billing", "suspend", "acme", "-n", s.Namespace, "").ends(0)
		offered, _, _ := strings.Cut(a.out, ":")
		return env.Unless(offered == "beta\n", a.out)
	})
	if session := s.Get("acme"); session.Spec.Suspend || len(session.Annotations) > 0 {
		t.Errorf("Tab changed the session: suspend is %t, annotations are %v", session.Spec.Suspend, session.Annotations)
	}
}
