package endpoint

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// tlsTraffic is what a server over TLS has seen.
type tlsTraffic struct{ connections, handshakes, resumed, requests atomic.Int64 }

// overTLSCounting is a client of a server that counts.
func overTLSCounting(t testing.TB, change func(*httptest.Server)) (*Client, *tlsTraffic) {
	t.Helper()
	seen := &tlsTraffic{}
	body := strings.ReplaceAll(grantingBody, "www.xtracta.com", "127.0.0.1")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		seen.requests.Add(1)
		_, _ = io.WriteString(w, body)
	}))
	server.TLS = &tls.Config{VerifyConnection: func(state tls.ConnectionState) error {
		seen.handshakes.Add(1)
		if state.DidResume {
			seen.resumed.Add(1)
		}
		return nil
	}}
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			seen.connections.Add(1)
		}
	}
	change(server)
	server.StartTLS()
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := New(Config{
		URL: server.URL + "/v1/billings/billing_ui", Timeout: 10 * time.Second,
		CAFile: file,
		Clock:  clocktesting.NewFakePassiveClock(time.Unix(1522895194, 0)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return client, seen
}

func askOverTLS(t testing.TB, client *Client, key Key) {
	t.Helper()
	// The answer's Date is of today, and its URL expired years ago: that it was read is enough.
	_, err := client.IssueURL(t.Context(), Request{Key: key, ExpirationSeconds: 600})
	if outcome, answered := OutcomeOf(err); !answered || outcome == Unavailable {
		t.Fatal(err)
	}
}

// TestEachRequestOverTLSHasAConnection: README.md says why.
func TestEachRequestOverTLSHasAConnection(t *testing.T) {
	t.Parallel()
	_, key := costClient(t)
	for name, change := range map[string]func(*httptest.Server){
		"TLS 1.3": func(*httptest.Server) {},
		"TLS 1.2": func(s *httptest.Server) { s.TLS.MaxVersion = tls.VersionTLS12 },
		"HTTP/2":  func(s *httptest.Server) { s.EnableHTTP2 = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n = 10
			client, seen := overTLSCounting(t, change)
			for range n {
				askOverTLS(t, client, key)
			}
			got := [4]int64{seen.requests.Load(), seen.connections.Load(), seen.handshakes.Load(), seen.resumed.Load()}
			if want := [4]int64{n, n, n, 0}; got != want {
				t.Errorf("requests, connections, handshakes and resumed ones are %v, want %v", got, want)
			}
		})
	}
}
