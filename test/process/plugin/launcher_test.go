package plugin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/hack/process"
)

// Launchers are as different as desktops. open waits for none of them, and hides no
// failure.
func TestLaunchers(t *testing.T) {
	t.Parallel()
	// It stays until the test is over, and so longer than a command may take.
	const stay = `while [ -e "$0" ]; do sleep 1; done`
	s := newStage(t)
	s.alive("acme", s.URL+"/page")
	for _, row := range []struct {
		why, script string
		code        int
		says        []string
	}{
		{"one that hands the URL on", "exit 0", 0, nil},
		{"one that is the browser", stay, 0, nil},
		{"one that holds its streams open", "(" + stay + ") & exit 0", 0, nil},
		{"one that ignores being hung up on", "trap '' HUP PIPE; " + stay, 0, nil},
		{"one that says more than anybody reads", "yes chatter | head -c 300000; " + stay, 0, []string{"chatter"}},
		{"one without a display", "echo 'cannot open display' >&2; exit 3", 1, []string{"cannot open display", "no browser could be opened", "exit status 3", "open acme --print"}},
		{"one that fails after a moment", "sleep 0.3; exit 4", 1, []string{"no browser could be opened"}},
		{"one that names the URL in its error", `echo "no method available for opening '$1'" >&2; exit 3`, 1, []string{"no method available for opening '(the URL)'"}},
		{"one that crashes", "kill -SEGV $$", 1, []string{"no browser could be opened"}},
		{"one that plays with the terminal", `printf '\033[2J'`, 0, []string{"^[[2J"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := s.on(t)
			s.dir = t.TempDir()
			script := "#!/bin/sh\n" + row.script + "\n"
			if err := process.WriteProgram(filepath.Join(s.dir, "xdg-open"), []byte(script)); err != nil {
				t.Fatal(err)
			}
			a := s.plugin("open", "acme").ends(row.code).says(row.says...)
			if opened := strings.HasPrefix(a.out, "Opened the billing page of acme"); opened != (row.code == 0) {
				t.Errorf("prints %q", a.out)
			}
		})
	}
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "kubectl-billing-*"))
	for _, file := range left {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), s.URL) {
			t.Errorf("%s is left, with the URL in it", file)
		}
	}
}
