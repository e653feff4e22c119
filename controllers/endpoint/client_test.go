package endpoint_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

const golden = "../../test/fixtures/golden/"

func newClient(t *testing.T, url string) *endpoint.Client {
	t.Helper()
	client, err := endpoint.New(endpoint.Config{
		URL: url, AllowedURLHosts: []string{"xtracta.com", "*.xtracta.com"}, Timeout: time.Minute,
		Clock: clocktesting.NewFakePassiveClock(documentedExpire.Add(-10 * time.Minute)), UserAgent: "billing-operator/test",
	})
	must(t, err)
	return client
}

// documentedExpire is the expire of the document's sample.
var documentedExpire = time.Unix(1522895794, 0)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(golden + name)
	must(t, err)
	return string(text)
}

// TestDocumentedRequest holds what is sent against the document's sample, byte by byte.
func TestDocumentedRequest(t *testing.T) {
	for _, c := range []struct {
		why, file string
		request   endpoint.Request
	}{
		{"the document's own sample", "documented-request.form", endpoint.Request{ExpirationSeconds: 600}},
		{"a purge is sent where it is declared", "purge-request.form", endpoint.Request{ExpirationSeconds: 259200, Purge: "delete"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			var got []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = append(got, r.Method+" "+r.RequestURI, string(body))
				for _, name := range []string{"Content-Type", "Accept", "Cache-Control", "User-Agent", "Accept-Encoding", "Connection"} {
					got = append(got, name+": "+r.Header.Get(name))
					r.Header.Del(name)
				}
				r.Header.Del("Content-Length")
				if len(r.Header) > 0 {
					t.Errorf("unexpected headers %v", r.Header)
				}
				_, _ = io.WriteString(w, "<documents_response/>")
			}))
			defer server.Close()
			c.request.Key, _ = endpoint.ParseKey([]byte("123"))
			_, _ = newClient(t, server.URL+"/v1/billings/billing_ui").IssueURL(t.Context(), c.request)
			want := []string{
				"POST /v1/billings/billing_ui", read(t, c.file),
				"Content-Type: application/x-www-form-urlencoded", "Accept: application/xml, text/xml", "Cache-Control: no-store",
				"User-Agent: billing-operator/test", "Accept-Encoding: gzip", "Connection: close",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", c.why, diff)
			}
		})
	}
}

// TestDocumentedAnswers holds what is read against the document's samples.
func TestDocumentedAnswers(t *testing.T) {
	const url = "https://api-app.xtracta.com/v1/billings/index.html?t=dc51PzHjXgHBF.ZjapmmxZep_Gn9kkHs5tVSyRa0GE41Hs_9AN0GW9szsxplrnV_LbLqd0HStob7_rUj9.JMAsPnn0ZiQFXZ6_qpjxEoj9Yn0Dgk7CorJlEmJyQC6oBDNjW5CfqvwdI-"
	for _, c := range []struct{ why, file, want string }{
		{"the document's sample", "documented-answer.xml", fmt.Sprint(url, 1522895794)},
		{"the same by the document's schema", "schema-answer.xml", fmt.Sprint(url, 1522895794)},
		{"a refusal in the body", "rejected-answer.xml", "the endpoint answered status 403: The API key has no access to this resource. The API key has 3 hexadecimal digits; Xtracta's keys have 40 hexadecimal digits"},
	} {
		t.Run(c.file, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Date"] = nil
				_, _ = io.WriteString(w, read(t, c.file))
			}))
			defer server.Close()
			key, _ := endpoint.ParseKey([]byte("123"))
			grant, err := newClient(t, server.URL).IssueURL(t.Context(), endpoint.Request{Key: key})
			got := fmt.Sprint(grant.URL.Reveal(), grant.Expire.Unix())
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("%s: got %q, want %q", c.why, got, c.want)
			}
		})
	}
}

// TestSecretsShowThemselvesNowhere asserts the very word, for each way to show a value.
func TestSecretsShowThemselvesNowhere(t *testing.T) {
	key, _ := endpoint.ParseKey([]byte(testKey))
	for _, secret := range []any{key, endpoint.NewURL(testURL), endpoint.Key{}, endpoint.URL{}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
			if got := fmt.Sprintf(verb, secret); got != "[redacted]" {
				t.Errorf("%s shows %q", verb, got)
			}
		}
		if got, err := json.Marshal(map[string]any{"secret": secret}); string(got) != `{"secret":"[redacted]"}` {
			t.Errorf("JSON shows %s, %v", got, err)
		}
		if got := secret.(slog.LogValuer).LogValue().String() + secret.(fmt.Stringer).String(); got != "[redacted][redacted]" {
			t.Errorf("logs show %q", got)
		}
	}
}

func TestConfig(t *testing.T) {
	good := endpoint.Config{URL: "https://api-app.xtracta.com/v1/billings/billing_ui", Timeout: time.Second, Clock: clocktesting.NewFakePassiveClock(time.Now())}
	for _, c := range []struct {
		why    string
		change func(*endpoint.Config)
		url    string // as normalised, if there is no error
		says   []string
	}{
		{"the default", func(*endpoint.Config) {}, good.URL, nil},
		{"another port stays", func(c *endpoint.Config) { c.URL = "https://api-app.xtracta.com:444/x" }, "https://api-app.xtracta.com:444/x", nil},
		{"http for localhost", func(c *endpoint.Config) { c.URL = "http://localhost:8080/x" }, "http://localhost:8080/x", nil},
		{"http for IPv6 loopback", func(c *endpoint.Config) { c.URL = "http://[::1]:8080/x" }, "http://[::1]:8080/x", nil},
		{"no host name that DNS cannot hold", func(c *endpoint.Config) { c.URL = "https://api..xtracta.com/" }, "", []string{"--endpoint-url", "absolute"}},
		{"no http for others", func(c *endpoint.Config) { c.URL = "http://api-app.xtracta.com/" }, "", []string{"--endpoint-url", "https"}},
		{"no http for private addresses", func(c *endpoint.Config) { c.URL = "http://10.0.0.1/" }, "", []string{"--endpoint-url"}},
		{"no password, and it is not repeated", func(c *endpoint.Config) { c.URL = "https://user:hunter2@api-app.xtracta.com/" }, "", []string{"--endpoint-url", "@"}},
		{"no query", func(c *endpoint.Config) { c.URL += "?api_key=hunter2" }, "", []string{"--endpoint-url", "query"}},
		{"no fragment", func(c *endpoint.Config) { c.URL += "#hunter2" }, "", []string{"--endpoint-url", "fragment"}},
		{"a name", func(c *endpoint.Config) { c.URL = "api-app.xtracta.com" }, "", []string{"--endpoint-url", "absolute"}},
		{"no such port", func(c *endpoint.Config) { c.URL = "https://api-app.xtracta.com:99999/" }, "", []string{"--endpoint-url"}},
		{"a pattern with a scheme", func(c *endpoint.Config) { c.AllowedURLHosts = []string{"https://xtracta.com"} }, "", []string{"--allowed-url-hosts", "https://xtracta.com"}},
		{"everything", func(c *endpoint.Config) { c.AllowedURLHosts = []string{"*"} }, "", []string{"--allowed-url-hosts", "*.name"}},
		{"a CA file without a certificate", func(c *endpoint.Config) { c.CAFile = "README.md" }, "", []string{"--endpoint-ca-file", "PEM"}},
		{"a CA file that is not there", func(c *endpoint.Config) { c.CAFile = "none" }, "", []string{"--endpoint-ca-file", "none"}},
		{"no timeout", func(c *endpoint.Config) { c.Timeout = 0 }, "", []string{"--endpoint-timeout"}},
		{"no clock", func(c *endpoint.Config) { c.Clock = nil }, "", []string{"clock"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			config := good
			c.change(&config)
			client, err := endpoint.New(config)
			if c.says == nil {
				must(t, err)
				if client.URL() != c.url {
					t.Errorf("the URL is %q, want %q", client.URL(), c.url)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, says := range c.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%q does not say %q", err, says)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q repeats a password", err)
			}
		})
	}
}
