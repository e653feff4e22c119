package endpoint

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
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

	"github.com/xtracta/billing-operator/test/performance/growth"
)

// costClient and costKey are what answers are classified with.
func costClient(t testing.TB) (*Client, Key) {
	t.Helper()
	client, err := New(Config{
		URL: "https://api-app.xtracta.com/v1/billings/billing_ui", AllowedURLHosts: []string{"*.xtracta.com"},
		Timeout: time.Second, Clock: clocktesting.NewFakePassiveClock(time.Unix(1522895194, 0)),
	})
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey([]byte("0123456789abcdef0123456789abcdef01234567"))
	if err != nil {
		t.Fatal(err)
	}
	return client, key
}

// answered is an answer with that body.
func answered(status int, body string) answer {
	return answer{
		status: status, header: http.Header{"Content-Type": {"text/xml; charset=utf-8"}},
		arrived: time.Unix(1522895194, 0), body: []byte(body),
	}
}

const (
	grantingBody = `<?xml version="1.0" encoding="UTF-8"?>
<documents_response>
  <status>200</status>
  <message>billing URL has been successfully generated</message>
  <url>https://www.xtracta.com/billing/index.html?token=` + "0123456789abcdef0123456789abcdef" + `</url>
  <expire>1522895794</expire>
</documents_response>`
	rejectingBody = `<response><status>403</status><message>This group may not see its billing page</message></response>`
)

// TestTwiceTheAnswerIsTwiceTheWork: whoever stands between may answer as much as is read, and
// no shape of that may cost more than its length.
func TestTwiceTheAnswerIsTwiceTheWork(t *testing.T) {
	client, key := costClient(t)
	around := func(before, unit, after string) func(n int) string {
		return func(n int) string { return before + strings.Repeat(unit, n/len(unit)) + after }
	}
	const root, end = "<documents_response>", "</documents_response>"
	for _, row := range []struct {
		name string
		body func(n int) string
	}{
		{"elements", around(root, "<x>1</x>", end)},
		{"nested elements", func(n int) string { return root + strings.Repeat("<x>", n/7) + strings.Repeat("</x>", n/7) + end }},
		{"elements that do not end", around(root, "<x>", "")},
		{"attributes", func(n int) string {
			var text strings.Builder
			for i := range n / 11 {
				fmt.Fprintf(&text, ` a%05d="b"`, i)
			}
			return "<documents_response" + text.String() + ">" + end
		}},
		{"a long word", around(root+"<message>", "a", "</message>"+end)},
		{"white space in front", around("", " ", grantingBody)},
		{"comments in a text", around(root+"<message>", "a<!---->", "</message>"+end)},
		{"CDATA", around(root+"<message>", "<![CDATA[a]]>", "</message>"+end)},
		{"elements in a message", around(root+"<message>", "<b>a</b>", "</message>"+end)},
		{"a URL", around(root+"<url>https://www.xtracta.com/", "a", "</url><expire>1522895794</expire>"+end)},
		{"a rejection with a URL", around(root+"<status>403</status><message>no</message><url>https://a/", "b", "</url>"+end)},
	} {
		t.Run(row.name, func(t *testing.T) {
			growth.AtMostDoubles(t, 16<<10, func(n int) func() {
				got := answered(http.StatusOK, row.body(n))
				return func() { _, _ = client.classify(got, key) }
			})
		})
	}
}

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
