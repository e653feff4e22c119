package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"

	"github.com/xtracta/billing-operator/cmd/version"
	"github.com/xtracta/billing-operator/controllers/endpoint"
)

func TestDefaultsWork(t *testing.T) {
	o, err := parseFlags(nil, io.Discard)
	noError(t, err)
	if _, err := newEndpoint(o, nil); err != nil {
		t.Errorf("the default endpoint is refused: %v", err)
	}
}

func TestBadFlagsNameTheFlagAndTheCure(t *testing.T) {
	for _, row := range []struct{ name, arg, flag, cure string }{
		{"a deadline that has passed already", "--endpoint-timeout=0s", "--endpoint-timeout", "more than 0"},
		{"a request that outlives its pod", "--endpoint-timeout=2m", "--endpoint-timeout", "at most 30s"},
		{"a burst that lets nothing through", "--endpoint-burst=0", "--endpoint-burst", "at least 1"},
		{"a selector with a typing error", "--watch-label-selector=a in", "--watch-label-selector", "team=finance"},
		{"a list of namespaces that was left empty", "--watch-namespaces=", "--watch-namespaces", "leave it out to serve all"},
		{"a space after the comma", "--watch-namespaces=a, b", "--watch-namespaces", `" b"`},
		{"a namespace that cannot exist", "--watch-namespaces=A_B", "--watch-namespaces", "lower case"},
		{"a lease that cannot exist", "--leader-election-id=A_B", "--leader-election-id", "lower case"},
		{"an address without a port", "--metrics-bind-address=foo", "--metrics-bind-address", ":8080"},
		{"one address for two", "--metrics-bind-address=:8081", "--health-probe-bind-address", "must not be the same"},
		{"a level that does not exist", "--log-level=trace", "--log-level", `"debug"`},
		{"a format that does not exist", "--log-format=xml", "--log-format", `"json"`},
		{"a forgotten dash", "leader-elect", `"leader-elect"`, "--"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := parseFlags([]string{"--leader-elect", row.arg}, io.Discard)
			if err == nil || !strings.Contains(err.Error(), row.flag) || !strings.Contains(err.Error(), row.cure) {
				t.Errorf("%s: %v, want the flag %q and the cure %q", row.arg, err, row.flag, row.cure)
			}
		})
	}
}

func TestGoodFlagsAreTaken(t *testing.T) {
	for _, args := range [][]string{
		{"--watch-namespaces=a,b-1"},
		{"--watch-label-selector=a in (b, c),!d"},
		{"--metrics-bind-address=0", "--health-probe-bind-address=0"},
		{"--metrics-bind-address=127.0.0.1:0", "--health-probe-bind-address=127.0.0.1:0"},
		{"--metrics-bind-address=[::1]:https"},
		{"--leader-elect", "--leader-election-id=billing.example.com", "--leader-election-namespace=a"},
	} {
		if _, err := parseFlags(args, io.Discard); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// A key never goes past a proxy that somebody asked for, and nobody's password is logged.
func TestAProxyThatCannotBeReadEndsTheStart(t *testing.T) {
	o, err := parseFlags(nil, io.Discard)
	noError(t, err)
	t.Setenv("https_proxy", "")
	t.Setenv("HTTPS_PROXY", "http://user:pa%ss@proxy.example:3128")
	if _, err := newManager(t.Context(), o); err == nil || !strings.HasPrefix(err.Error(), "HTTPS_PROXY: ") || strings.Contains(err.Error(), "pa%ss") {
		t.Errorf("the start ends with %v", err)
	}
}

func TestTheVersionIsPrinted(t *testing.T) {
	var out, logs bytes.Buffer
	noError(t, run(t.Context(), []string{"--version"}, &out, &logs))
	if want := "manager " + version.Get().String() + "\n"; out.String() != want || logs.Len() > 0 {
		t.Errorf("printed %q and logged %q, want %q and nothing", &out, &logs, want)
	}
}

// The endpoint's operator sees who asks, and where to learn about it.
func TestTheEndpointLearnsTheVersion(t *testing.T) {
	o, err := parseFlags(nil, io.Discard)
	noError(t, err)
	agents := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { agents <- r.UserAgent() }))
	defer server.Close()
	o.endpointURL = server.URL
	client, err := newEndpoint(o, nil)
	noError(t, err)
	key, err := endpoint.ParseKey([]byte("0123456789"))
	noError(t, err)
	_, _ = client.IssueURL(t.Context(), endpoint.Request{Key: key, ExpirationSeconds: 60})
	want := "billing-operator/" + version.Get().Version + " (+https://github.com/xtracta/billing-operator)"
	select {
	case got := <-agents:
		if got != want {
			t.Errorf("the User-Agent is %q, want %q", got, want)
		}
	default:
		t.Error("the endpoint was not asked")
	}
}

func TestNoLevelReachesWhereClientsPrintRequests(t *testing.T) {
	log := debugLogger() // which the libraries have, too
	if !log.V(1).Enabled() {
		t.Error("debug is as silent as info")
	}
	// client-go prints URLs and headers from 6 on, bodies from 8 on.
	for level := 5; level <= 10; level++ {
		if log.V(level).Enabled() || klog.V(klog.Level(level)).Enabled() {
			t.Errorf("level %d is reached", level)
		}
	}
}

// TestRootsAreInTheBinary keeps the image free of certificate files: without them
// on the machine, the endpoint's certificate must still be verifiable.
func TestRootsAreInTheBinary(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	noError(t, err)
	if !strings.Contains(string(out), "golang.org/x/crypto/x509roots/fallback") {
		t.Error("the well-known root certificates are not part of the binary")
	}
}

// TestTheDocumentShowsTheFlags holds config/manager/README.md equal to --help, which is no failure.
func TestTheDocumentShowsTheFlags(t *testing.T) {
	var help bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, &help, io.Discard); !errors.Is(err, pflag.ErrHelp) || !strings.Contains(help.String(), "--endpoint-url") {
		t.Fatalf("%v\n%s", err, &help)
	}
	document, err := os.ReadFile("../../config/manager/README.md")
	noError(t, err)
	for line := range strings.Lines(help.String()) {
		if strings.HasPrefix(line, "  ") && !bytes.Contains(document, []byte("\n"+line)) {
			t.Errorf("config/manager/README.md lacks this line of --help: %s", line)
		}
	}
}

// noError ends the test if something that it needs fails.
func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
