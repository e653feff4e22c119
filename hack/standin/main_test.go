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
	"time"

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
	for s.base == "" {
		s.base = regexp.MustCompile(`https?://127\.0\.0\.1:\d+`).FindString(out.String())
		select {
		case err := <-ended:
			t.Fatalf("ended at once: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	return s
}

func ask(t *testing.T, client *http.Client, base, key string) (status int, granted string) {
	t.Helper()
	response, err := client.PostForm(base+"/v1/billings/billing_ui", url.Values{"api_key": {key}})
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	_, after, _ := strings.Cut(string(body), "<url>")
	granted, _, _ = strings.Cut(after, "</url>")
	return response.StatusCode, granted
}

func read(t *testing.T, address string) string {
	t.Helper()
	response, err := http.Get(address)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return string(body)
}

func TestServesTheEndpointAndThePageBehindIt(t *testing.T) {
	s := serve(t)
	status, granted := ask(t, http.DefaultClient, s.base, "any-key-at-all")
	if status != 200 || !strings.HasPrefix(granted, s.base) {
		t.Fatalf("%d, granted at %q", status, granted)
	}
	page, err := http.Get(granted)
	must(t, err)
	_ = page.Body.Close()
	if page.StatusCode != 200 {
		t.Errorf("page: %d", page.StatusCode)
	}
	if err := s.stop(); err != nil {
		t.Errorf("ended with %v", err)
	}
	said := s.output.String()
	if !strings.Contains(said, "granted for 10m0s") {
		t.Errorf("the log does not say what was granted:\n%s", said)
	}
	for _, secret := range []string{"any-key-at-all", granted, strings.TrimPrefix(granted, s.base)} {
		if strings.Contains(said, secret) {
			t.Errorf("the output holds a secret:\n%s", said)
		}
	}
}

func TestFlagsReachTheServer(t *testing.T) {
	for _, row := range []struct {
		why     string
		args    []string
		key     string
		status  int
		granted string
	}{
		{"keys can be listed", []string{"--key", "a", "--key", "b"}, "b", 200, "http"},
		{"other keys then have no access", []string{"--key", "a"}, "c", 403, ""},
		{"a rejection can be in the body", []string{"--key", "a", "--reject-in-body"}, "c", 200, ""},
		{"there can be an initial fault", []string{"--fault", "times=1 status=503"}, "a", 503, ""},
		{"there can be several", []string{"--fault", "no-date", "--fault", "status=429"}, "a", 429, ""},
		{"URLs can be on another host", []string{"--base-url", "https://billing.example"}, "a", 200, "https://billing.example/v1/"},
		{"a switch that is off is off", []string{"--reject-in-body=false", "--key", "a"}, "c", 403, ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := serve(t, row.args...)
			status, granted := ask(t, http.DefaultClient, s.base, row.key)
			if status != row.status || !strings.HasPrefix(granted, row.granted) || row.granted == "" && granted != "" {
				t.Errorf("%d, granted %q", status, granted)
			}
		})
	}
}

func TestControlIsOptional(t *testing.T) {
	for _, row := range []struct {
		args   []string
		status int
	}{{nil, 404}, {[]string{"--control"}, 200}} {
		s := serve(t, row.args...)
		response, err := http.Get(s.base + "/_standin/requests")
		must(t, err)
		_ = response.Body.Close()
		if response.StatusCode != row.status {
			t.Errorf("%v: %d, want %d", row.args, response.StatusCode, row.status)
		}
		if strings.Contains(s.output.String(), "/_standin/") != (row.status == 200) {
			t.Errorf("%v: the banner is\n%s", row.args, s.output)
		}
	}
}

func TestServesHTTPS(t *testing.T) {
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
	must(t, err)
	certFile, keyFile := filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	for file, content := range map[string][]byte{certFile: certificate, keyFile: key} {
		must(t, os.WriteFile(file, content, 0o600))
	}
	s := serve(t, "--tls-cert", certFile, "--tls-key", keyFile)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	if status, granted := ask(t, client, s.base, "123"); status != 200 || !strings.HasPrefix(granted, "https://127.0.0.1:") {
		t.Errorf("%d, granted at %q", status, granted)
	}
}

func TestStopsWhileAnAnswerIsDelayed(t *testing.T) {
	s := serve(t, "--control", "--fault", "latency=1h")
	failed := make(chan error, 1)
	go func() {
		answer, err := http.PostForm(s.base+"/v1/billings/billing_ui", url.Values{"api_key": {"123"}})
		if err == nil {
			_ = answer.Body.Close()
		}
		failed <- err
	}()
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(read(t, s.base+"/_standin/requests"), `"inFlight": 1`); {
		if time.Now().After(deadline) {
			t.Fatal("the request did not arrive within ten seconds")
		}
	}
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
		{[]string{"--max-life", "long"}, "invalid duration"},
		{[]string{"--tls-cert", "a.pem"}, "--tls-cert and --tls-key must be set together"},
		{[]string{"extra"}, `unexpected argument "extra"`},
		{[]string{"--no-such-flag"}, "flag provided but not defined"},
	} {
		_, err := parseConfig(row.args, io.Discard)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%v: %v, want %s", row.args, err, row.want)
		}
	}
	var help strings.Builder
	if _, err := parseConfig([]string{"--help"}, &help); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
	for _, want := range []string{"-listen", "-control", "curl -d fault=status=503", "truncated"} {
		if !strings.Contains(help.String(), want) {
			t.Errorf("the help lacks %s:\n%s", want, help.String())
		}
	}
}

func TestAddressInUseIsAnError(t *testing.T) {
	s := serve(t)
	config, err := parseConfig([]string{"--listen", strings.TrimPrefix(s.base, "http://")}, io.Discard)
	must(t, err)
	if err := run(t.Context(), config, io.Discard); err == nil {
		t.Error("two servers share an address")
	}
}

// must ends the test if something that it needs fails.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
