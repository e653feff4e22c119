package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/hack/process"
)

const granted = "https://billing.example.com/open?t=TOKEN%2F%s&x=a b;c"

func TestBrowserVariable(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the list has another separator there")
	}
	for _, row := range []struct {
		list string
		want [][]string
	}{
		{"", nil},
		{"firefox", [][]string{{"firefox", granted}}},
		{"firefox --new-window", [][]string{{"firefox", "--new-window", granted}}},
		{"firefox --new-window %s", [][]string{{"firefox", "--new-window", granted}}},
		{"firefox %s &", [][]string{{"firefox", granted}}},
		{`firefox "%s"`, [][]string{{"firefox", granted}}},
		{"firefox --url=%s", [][]string{{"firefox", "--url=" + granted}}},
		{"firefox:chromium --app=%s:lynx", [][]string{{"firefox", granted}, {"chromium", "--app=" + granted}, {"lynx", granted}}},
		{"open %s %s", [][]string{{"open", granted, granted}}},
		{"open --scale=100%%", [][]string{{"open", "--scale=100%", granted}}},
		{"open %%s", [][]string{{"open", "%s", granted}}},
		{":: firefox :", [][]string{{"firefox", granted}}},
		{"&", nil},
	} {
		if diff := cmp.Diff(row.want, browserCommands(row.list, granted)); diff != "" {
			t.Errorf("BROWSER=%q: %s", row.list, diff)
		}
	}
}

func TestTheUsersBrowserComesFirst(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the browsers are scripts of a shell")
	}
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	works, fails := script("a browser", `printf %s "$1" > "$0.opened"`), script("fails", "exit 1")
	failed := errors.New("no desktop")
	for _, row := range []struct {
		list   string
		opened bool
		want   error
	}{
		{works, true, nil},
		{fails + ":" + works, true, nil},
		{"no-such-browser:" + fails + " %s:" + works, true, nil},
		{"", false, failed},
		{"no-such-browser", false, failed},
		{fails, false, failed},
	} {
		_ = os.Remove(works + ".opened")
		output, err := os.Create(filepath.Join(dir, "output"))
		if err != nil {
			t.Fatal(err)
		}
		asked := false
		err = launch(row.list, granted, output, func(string) error { asked = true; return failed })
		opened, _ := os.ReadFile(works + ".opened")
		if !errors.Is(err, row.want) || asked == row.opened || string(opened) == granted != row.opened {
			t.Errorf("BROWSER=%q: %v; opened %q, asked the desktop: %t", row.list, err, opened, asked)
		}
		_ = output.Close()
	}
}

// Launchers are as different as desktops. None of them is waited for, and no failure hidden.
func TestLaunchers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have no xdg-open")
	}
	for _, row := range []struct {
		why, script string
		fails       bool
		says        string
	}{
		{"one that hands the URL on, and plays with the terminal", `printf '\033[2J'`, false, "^[[2J"},
		{"one that is the browser, holds its streams open and will not be hung up on", `trap '' HUP PIPE; sleep 5`, false, ""},
		{"one without a display, which names the URL", `echo "cannot open display for '$1'" >&2; exit 3`, true, "cannot open display for '(the URL)'\n"},
	} {
		t.Run(row.why, func(t *testing.T) {
			dir := t.TempDir()
			if err := process.WriteProgram(filepath.Join(dir, "xdg-open"), []byte("#!/bin/sh\n"+row.script+"\n")); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
			t.Setenv("BROWSER", "")
			t.Setenv("TMPDIR", dir)
			var said strings.Builder
			if err := openInBrowser(granted, &said); (err != nil) != row.fails || said.String() != row.says {
				t.Errorf("%v; says %q, want %q", err, said.String(), row.says)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "kubectl-billing-*")); len(left) > 0 {
				t.Errorf("%s is left, with the URL in it", left)
			}
		})
	}
}

func TestALauncherIsNotWaitedFor(t *testing.T) {
	failed := errors.New("no display")
	for _, row := range []struct {
		why   string
		takes time.Duration
		err   error
		want  error
		waits time.Duration
	}{
		{"one that returns at once", 0, nil, nil, 0},
		{"one that fails at once", 0, failed, failed, 0},
		{"one that fails after a moment", time.Second, failed, failed, time.Second},
		{"one that is the browser", time.Hour, nil, errRuns, launchTimeout},
		{"one whose browser crashes later", time.Hour, failed, errRuns, launchTimeout},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				err := waitAtMost(launchTimeout, func() error { time.Sleep(row.takes); return row.err })
				if waited := time.Since(begin); !errors.Is(err, row.want) || waited != row.waits {
					t.Errorf("%v after %s, want %v after %s", err, waited, row.want, row.waits)
				}
				time.Sleep(row.takes) // in the bubble's time: every launcher has to end within it
			})
		})
	}
}
