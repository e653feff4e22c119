package plugin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/hack/process"
	"github.com/xtracta/billing-operator/test/env"
)

// Launchers are as different as desktops. open waits for none of them, and hides no
// failure.
func TestLaunchers(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.alive("acme", s.URL+"/page")
	for _, row := range []struct {
		why, script string
		code        int
		says        []string
	}{
		{"one that hands the URL on, and plays with the terminal", `printf '\033[2J'`, 0, []string{"^[[2J"}},
		// It stays until the test is over, and so longer than a command may take.
		{"one that is the browser, holds its streams open and will not be hung up on",
			`trap '' HUP PIPE; yes chatter | head -c 300000; while [ -e "$0" ]; do sleep 1; done`, 0, nil},
		{"one without a display, which names the URL", `echo "cannot open display for '$1'" >&2; exit 3`, 1,
			[]string{"cannot open display for '(the URL)'", "no browser could be opened", "exit status 3", "open acme --print"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := s.on(t)
			s.dir = t.TempDir()
			s.Must(process.WriteProgram(filepath.Join(s.dir, "xdg-open"), []byte("#!/bin/sh\n"+row.script+"\n")))
			var a answer
			// On a busy machine a launcher may take longer to fail than open waits for.
			s.Eventually("the launcher's end is told", func() string {
				a = s.plugin("open", "acme")
				return env.Unless(a.code == row.code && (row.says == nil || strings.Contains(a.err, row.says[0])), a.err)
			})
			a.says(row.says...)
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
