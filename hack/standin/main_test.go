package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/util/cert"

	"github.com/xtracta/billing-operator/test/env"
)

// serving is a running command and its output.
type serving struct {
	base   string
	output *env.Buffer
	stop   func() error
}

func serve(t *testing.T, args ...string) serving {
	t.Helper()
	config, err := parseConfig(append([]string{"--listen", "127.0.0.1:0"}, args...), io.Discard)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	out, ended := &env.Buffer{}, make(chan error, 1)
	go func() { ended <- run(ctx, config, out) }()
	s := serving{output: out, stop: sync.OnceValue(func() error { cancel(); return <-ended })}
	t.Cleanup(func() { _ = s.stop() })
	env.Until(t, "the command says where it listens", func() bool {
		s.base = regexp.MustCompile(`https?://127\.0\.0\.1:\d+`).FindString(out.String())
		return s.base != "" || len(ended) > 0
	})
	if s.base == "" {
		t.Fatalf("ended at once: %v", s.stop())
	}
	return s
}

func ask(client *http.Client, base string) (status int, answer string, err error) {
	response, err := client.PostForm(base+"/v1/billings/billing_ui", url.Values{"api_key": {"any-key-at-all"}})
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// granted is the URL in an answer.
func granted(answer string) string {
	_, after, _ := strings.Cut(answer, "<url>")
	granted, _, _ := strings.Cut(after, "</url>")
	return granted
}

func read(t *testing.T, address string) (status int, body string) {
	t.Helper()
	response, err := http.Get(address)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	return response.StatusCode, string(text)
}

func TestServesTheEndpointAndThePageBehindIt(t *testing.T) {
	s := serve(t)
	status, answer, err := ask(http.DefaultClient, s.base)
	if err != nil || status != http.StatusOK || !strings.HasPrefix(granted(answer), s.base) {
		t.Fatalf("%d, %v, granted at %q", status, err, granted(answer))
	}
	if status, page := read(t, granted(answer)); status != http.StatusOK {
		t.Errorf("page: %d\n%s", status, page)
	}
	if err := s.stop(); err != nil {
		t.Errorf("ended with %v", err)
	}
	said := s.output.String()
	if !strings.Contains(said, "granted for 10m0s") {
		t.Errorf("the log does not say what was granted:\n%s", said)
	}
	for _, secret := range []string{"any-key-at-all", strings.TrimPrefix(granted(answer), s.base)} {
		if strings.Contains(said, secret) {
			t.Errorf("the output holds a secret:\n%s", said)
		}
	}
}

func TestFlagsReachTheServer(t *testing.T) {
	for _, row := range []struct {
		why    string
		args   []string
		status int
		says   string
	}{
		{"when keys are listed, others have no access", []string{"--key", "a", "--key", "b"}, 403, "<status>403</status>"},
		{"there can be several initial faults", []string{"--fault", "latency=1ms", "--fault", "status=429"}, 429, "Too Many Requests"},
		{"URLs can be on another host", []string{"--base-url", "https://billing.example"}, 200, "<url>https://billing.example/v1/"},
	} {
		t.Run(row.why, func(t *testing.T) {
			status, answer, err := ask(http.DefaultClient, serve(t, row.args...).base)
			if err != nil || status != row.status || !strings.Contains(answer, row.says) {
				t.Errorf("%d, %v: %s", status, err, answer)
			}
		})
	}
}

func TestServesHTTPS(t *testing.T) {
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
	must(t, err)
	certFile, keyFile := filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	must(t, errors.Join(os.WriteFile(certFile, certificate, 0o600), os.WriteFile(keyFile, key, 0o600)))
	s := serve(t, "--tls-cert", certFile, "--tls-key", keyFile)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	if status, answer, err := ask(client, s.base); status != 200 || !strings.HasPrefix(granted(answer), "https://127.0.0.1:") {
		t.Errorf("%d, %v, granted at %q", status, err, granted(answer))
	}
}

func TestStopsWhileAnAnswerIsDelayed(t *testing.T) {
	s := serve(t, "--control", "--fault", "latency=1h")
	if said := s.output.String(); !strings.Contains(said, "/_standin/") {
		t.Errorf("the banner does not speak of the control API:\n%s", said)
	}
	failed := make(chan error, 1)
	go func() {
		_, _, err := ask(http.DefaultClient, s.base)
		failed <- err
	}()
	env.Until(t, "the request arrives", func() bool {
		_, requests := read(t, s.base+"/_standin/requests")
		return strings.Contains(requests, `"Outcome":"pending"`)
	})
	if err := s.stop(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if err := <-failed; err == nil {
		t.Error("the request under way got an answer")
	}
}

func TestStopsWhileAConnectionIsUnused(t *testing.T) {
	s := serve(t)
	unused, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	must(t, err)
	defer func() { _ = unused.Close() }()
	read(t, s.base) // by then, the server has accepted the unused connection too
	if err := s.stop(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestCommandLineErrorsNameTheMistake(t *testing.T) {
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"--fault", "meltdown"}, `unknown fault "meltdown"`},
		{[]string{"--tls-cert", "a.pem"}, "--tls-cert and --tls-key must be set together"},
		{[]string{"extra"}, `unexpected argument "extra"`},
	} {
		_, err := parseConfig(row.args, io.Discard)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%v: %v, want %s", row.args, err, row.want)
		}
	}
	var help strings.Builder
	if _, err := parseConfig([]string{"--help"}, &help); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "status=503 ") {
		t.Errorf("--help: %v\n%s", err, help.String())
	}
}

// must ends the test if something that it needs fails.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
