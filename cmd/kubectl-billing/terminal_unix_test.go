//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/creack/pty"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/xtracta/billing-operator/hack/process"
)

// asProgram makes the test's program be the plugin. Its value is for how long Tab waits; empty for as long as ever.
const asProgram = "TEST_AS_KUBECTL_BILLING"

func TestMain(m *testing.M) {
	if wait, ok := os.LookupEnv(asProgram); ok {
		if limit, err := time.ParseDuration(wait); err == nil {
			completionTimeout = limit
		}
		main()
		return
	}
	os.Exit(m.Run())
}

const (
	offersBoth = "alive\ngone\n:4\n"
	nothing    = ":4\n"

	credential = `echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}'`
)

// Whoever presses Tab is typing. Nothing but completions may appear, and no credential
// plugin may make them wait for long, or ask them something.
func TestTabIsShortAndSilent(t *testing.T) {
	for _, row := range []struct {
		why, credentials string
		want             string
	}{
		{"a plugin that works", credential, offersBoth},
		{"one that talks", "echo 'Welcome!' >&2; " + credential, offersBoth},
		{"one that talks to the terminal", "(echo 'Welcome!' > /dev/tty) 2>/dev/null; " + credential, offersBoth},
		{"one that fails", "echo 'no such profile' >&2; exit 1", nothing},
		{"one that answers nonsense", "echo 'Please log in at https://login.example.com'", nothing},
		{"one that is not there", "", nothing},
		{"one that takes too long", "sleep 1000", nothing},
		{"one that does not want to end", "trap '' HUP INT TERM PIPE; while :; do sleep 1; done", nothing},
		{"one that prompts", "printf 'Password: ' >&2; sleep 1000", nothing},
		{"one that prompts on the terminal", "(printf 'Password: ' > /dev/tty) 2>/dev/null; sleep 1000", nothing},
		{"one that reads an answer", "printf 'Code: ' >&2; while ! read answer; do sleep 1; done; " + credential, nothing},
		{"one that leaves something running", "sleep 1000 & echo $! > \"$0.pid\"; " + credential, nothing},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			program := filepath.Join(t.TempDir(), "credentials")
			if row.credentials != "" {
				script := "#!/bin/sh\necho $$ > \"$0.pid\"\n" + row.credentials + "\n"
				if err := process.WriteProgram(program, []byte(script)); err != nil {
					t.Fatal(err)
				}
			}
			offers(t, "open", kubeconfig(t, newOddCluster(0), program), row.want)
			expectEnd(t, program+".pid")
		})
	}
	t.Run("a cluster that does not answer", func(t *testing.T) {
		t.Parallel()
		ends := make(chan struct{})
		never := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-ends })
		config := kubeconfig(t, never, "")
		t.Cleanup(func() { close(ends) }) // before the server is closed, which waits for it
		offers(t, "renew", config, nothing)
	})
	t.Run("a cluster that warns", func(t *testing.T) {
		t.Parallel()
		warns := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Warning", `299 - "deprecated"`)
			newOddCluster(0).ServeHTTP(w, r)
		})
		offers(t, "suspend", kubeconfig(t, warns, ""), offersBoth)
	})
	t.Run("a line that is wrong", func(t *testing.T) {
		t.Parallel()
		offers(t, "open --nonsense", kubeconfig(t, newOddCluster(0), ""), ":0\n")
	})
}

// offers presses Tab behind a line, as a shell does: standard output is read, the rest is
// the user's terminal.
func offers(t *testing.T, line, kubeconfig, want string) {
	t.Helper()
	theirs, shown := openTerminal(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	wait := ""
	if want != nothing {
		wait = "1m" // a machine under load may not start the programs in time
	}
	args := append([]string{"__complete"}, strings.Fields(line)...)
	cmd := exec.CommandContext(ctx, os.Args[0], append(args, "")...)
	cmd.Env = append(os.Environ(), asProgram+"="+wait, "KUBECONFIG="+kubeconfig)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, &out, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	_ = theirs.Close()
	if err != nil || out.String() != want {
		t.Errorf("Tab behind %s offers %q, want %q: %v", line, out.String(), want, err)
	}
	select {
	case text := <-shown:
		if text != "" {
			t.Errorf("the terminal shows %q", text)
		}
	case <-ctx.Done():
		t.Error("something has the terminal open long after")
	}
}

// openTerminal returns a terminal, and all that it has shown when it was closed.
func openTerminal(t *testing.T) (theirs *os.File, shown <-chan string) {
	t.Helper()
	terminal, theirs, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	all := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(terminal)
		all <- string(text)
	}()
	return theirs, all
}

// Somebody may have written it who means no good.
func TestATerminalGetsNoControlCharacters(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	evil := living("evil", time.Now(), withURL("https://billing.example.com/\x1b]0;title\a"), unready("Rejected"))
	evil.Status.Conditions[0].Message = "\x1b[2J\u009b2J \b\b\u202egpj over\rwritten"
	cluster := flagsFor(t, newOddCluster(0, evil))
	for _, args := range []string{
		"list -o wide", "explain evil", "open evil", "list -o json --show-url", "list -o jsonpath={.items[*].status.url} --show-url",
		"list -o xml\x1b[2J", "renew evil --timeout=\x1b[2J",
	} {
		terminal, shown := openTerminal(t)
		run(t.Context(), append(strings.Fields(args), cluster...), genericiooptions.IOStreams{Out: terminal, ErrOut: terminal})
		_ = terminal.Close()
		text := strings.ReplaceAll(<-shown, "\r\n", "\n") // the terminal's own
		if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }) {
			t.Errorf("%s: %q", args, text)
		}
	}
}

// kubeconfig names a cluster, and a program that knows its credentials, if it needs any.
func kubeconfig(t *testing.T, cluster http.Handler, program string) (path string) {
	t.Helper()
	server := httptest.NewUnstartedServer(cluster)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS() // without TLS no credentials are asked for
	t.Cleanup(server.Close)
	user := "{}"
	if program != "" {
		user = fmt.Sprintf(`{"exec":{"apiVersion":"client.authentication.k8s.io/v1","command":%q,"interactiveMode":"IfAvailable"}}`, program)
	}
	path = filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c",
		"clusters":[{"name":"c","cluster":{"server":%q,"insecure-skip-tls-verify":true}}],
		"contexts":[{"name":"c","context":{"cluster":"c","user":"u","namespace":"finance"}}],
		"users":[{"name":"u","user":%s}]}`, server.URL, user)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// expectEnd expects that the process, if it has begun, does not go on.
func expectEnd(t *testing.T, file string) {
	t.Helper()
	text, _ := os.ReadFile(file)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return
	}
	for begin := time.Now(); syscall.Kill(pid, 0) == nil && !isZombie(pid); time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the credential plugin goes on when Tab has ended")
		}
	}
}

// isZombie reports whether a process has ended and nobody has taken notice.
func isZombie(pid int) bool {
	state, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return bytes.Contains(state, []byte(") Z "))
}
