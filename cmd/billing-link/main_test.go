package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/cmd/version"
)

func writeFile(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func formatUnix(when time.Time) string { return strconv.FormatInt(when.Unix(), 10) }

func TestHelpNamesEveryFlag(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, io.Discard, &out, nil); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("help ends with %v", err)
	}
	for _, want := range []string{"--listen", "127.0.0.1:8080", "--secret-dir", "/billing", "--log-format", "json"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("help does not say %s:\n%s", want, &out)
		}
	}
	for line := range strings.Lines(out.String()) {
		if len(strings.TrimSpace(line)) > 81 {
			t.Errorf("wider than a terminal: %s", line)
		}
	}
}

func TestPrintsItsVersion(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--version"}, &out, io.Discard, nil); err != nil || out.String() != "billing-link "+version.Get().String()+"\n" {
		t.Errorf("prints %q, %v", &out, err)
	}
}

func TestRefusesWhatItDoesNotUnderstand(t *testing.T) {
	dir := t.TempDir()
	for _, row := range []struct{ args, want, why string }{
		{"--secret-dir=" + dir + "/nowhere", "--secret-dir", "it would say for ever that nothing is ready"},
		{"--log-format=xml --secret-dir=" + dir, "--log-format", "there are two formats"},
		{"--listen=nowhere --secret-dir=" + dir, "--listen", "an address needs a port"},
		{"--unknown", "--help", "a flag that was mistyped"},
		{"serve", "unexpected argument", "there are no subcommands"},
	} {
		t.Run(row.args, func(t *testing.T) {
			err := run(t.Context(), strings.Fields(row.args), io.Discard, io.Discard, time.Now)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("said %v, want a word on %s: %s", err, row.want, row.why)
			}
		})
	}
}

// From start to stop as a pod does it, at a time that the test has chosen.
func TestServesUntilItIsStopped(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	writeFile(t, dir, "url", secretURL+"\n") // a folder that no kubelet made
	writeFile(t, dir, "expire", formatUnix(now.Add(time.Second))+"\n")

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	log, logged := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"--listen=127.0.0.1:0", "--secret-dir=" + dir}, io.Discard, logged, func() time.Time { return now })
		_ = logged.Close()
	}()
	lines := bufio.NewScanner(log)
	var first struct{ Address string }
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &first) != nil || first.Address == "" {
		t.Fatalf("the first line does not say where it listens: %q", lines.Text())
	}
	rest := make(chan string, 1)
	go func() {
		var text strings.Builder
		for lines.Scan() {
			text.WriteString(lines.Text() + "\n")
		}
		rest <- text.String()
	}()

	transport := &http.Transport{DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+first.Address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := transport.RoundTrip(request) // follows no redirect
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != secretURL {
		t.Errorf("answered %d to %q", answer.StatusCode, answer.Header.Get("Location"))
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopped with %v", err)
	}
	if text := <-rest; !strings.Contains(text, "opened the billing page") || strings.Contains(text, "TOKEN") {
		t.Errorf("the log does not tell of the visit, or holds the URL: %s", text)
	}
}
