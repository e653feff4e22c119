package endpoint_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

// The secrets of all rows. The key has what encodings treat differently.
const (
	testKey   = "Kq7+Zx/9w=Rt%41~Lp2_vB-8nM.c4Jd"
	testToken = "dc51PzHjXgHBF.ZjapmmxZep_Gn9kkHs5tVSyRa0GE41Hs_9AN0GW9szsxplrnV"
	testURL   = "https://api-app.xtracta.com/v1/billings/index.html?t=" + testToken
)

// row is one way in which an endpoint behaves, or misbehaves.
type row struct {
	name   string
	why    string // a sentence: why the row exists
	server server // the endpoint, and the client's configuration for it
	want   endpoint.Outcome
	says   string                         // must be part of the error
	grant  func(*stage) wanted            // what a grant holds, where the row is about that
	retry  time.Duration                  // of a throttled outcome
	alone  bool                           // sets environment variables, so that no other row may run beside it
	config func(*endpoint.Config, *stage) // changes the configuration
}

// wanted is what a grant must hold.
type wanted struct {
	url    string
	expire time.Time
	offset time.Duration
}

const (
	granted     = endpoint.Granted
	rejected    = endpoint.Rejected
	throttled   = endpoint.Throttled
	unavailable = endpoint.Unavailable
	malformed   = endpoint.Malformed
	abandoned   = endpoint.Outcome("") // by the caller
)

// TestWire holds the client against every row at a real connection, and each row
// against what is true of all: one outcome, one request at most, the key in its
// body and nowhere else, no key and no URL in anything that could be printed.
func TestWire(t *testing.T) {
	groups := map[string][]row{
		"status": statusRows(), "retry after": retryAfterRows(), "redirect": redirectRows(),
		"connection": connectionRows(), "header": headerRows(), "body": bodyRows(),
		"tls": tlsRows(), "proxy": proxyRows(), "xml": xmlRows(), "charset": charsetRows(),
		"url": urlRows(), "expire": expireRows(), "message": messageRows(),
	}
	total := 0
	for name, rows := range groups {
		total += len(rows)
		t.Run(name, func(t *testing.T) {
			for _, row := range rows {
				t.Run(row.name, row.run)
			}
		})
	}
	t.Logf("%d rows", total)
}

func (r row) run(t *testing.T) {
	if r.why == "" {
		t.Fatal("the row does not say why it exists")
	}
	if !r.alone {
		t.Parallel()
	}
	s := newStage(t)
	config := endpoint.Config{
		AllowedURLHosts: []string{"xtracta.com", "*.xtracta.com"},
		Timeout:         time.Minute,
		Clock:           clocktesting.NewFakePassiveClock(s.now),
		UserAgent:       "test",
	}
	config.URL = r.server(s, &config)
	if r.config != nil {
		r.config(&config, s)
	}
	client, err := endpoint.New(config)
	must(t, err)
	key, err := endpoint.ParseKey([]byte(testKey))
	must(t, err)
	request := endpoint.Request{Key: key, Purge: "process", ExpirationSeconds: 600}

	grant, err := client.IssueURL(s.ctx, request)

	if got := outcomeOf(err); got != r.want {
		t.Errorf("%s, want %s: %v\n(%s)", got, r.want, err, r.why)
	}
	if err != nil && !strings.Contains(err.Error(), s.fill(r.says)) {
		t.Errorf("the error is %q, want %q in it\n(%s)", err, r.says, r.why)
	}
	r.checkRetry(t, err)
	r.checkGrant(t, s, grant, err)
	s.checkTraffic(t)
	checkDiscreet(t, s, grant, request, err)
}

// outcomeOf returns what the shell goes by, also where an error is wrapped. A context
// that ended says nothing about the endpoint.
func outcomeOf(err error) endpoint.Outcome {
	if err != nil {
		err = fmt.Errorf("wrapped: %w", err)
	}
	outcome, ok := endpoint.OutcomeOf(err)
	if ended := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded); ok == ended {
		return "neither an outcome nor a context that ended"
	}
	return outcome
}

func (r row) checkRetry(t *testing.T, err error) {
	t.Helper()
	var throttledError *endpoint.ThrottledError
	if errors.As(err, &throttledError) && throttledError.RetryAfter != r.retry {
		t.Errorf("RetryAfter is %s, want %s\n(%s)", throttledError.RetryAfter, r.retry, r.why)
	}
}

func (r row) checkGrant(t *testing.T, s *stage, grant endpoint.Grant, err error) {
	t.Helper()
	if err != nil {
		if grant != (endpoint.Grant{}) {
			t.Error("there is a grant beside the error")
		}
		return
	}
	want := wanted{url: testURL, expire: s.expire}
	if r.grant != nil {
		want = r.grant(s)
	}
	got := wanted{url: grant.URL.Reveal(), expire: grant.Expire, offset: grant.Offset}
	if got.url != want.url || !got.expire.Equal(want.expire) || got.offset != want.offset || !grant.Issued.Equal(s.now) {
		t.Errorf("the grant holds %+v, issued %s; want %+v, issued %s\n(%s)", got, grant.Issued, want, s.now, r.why)
	}
}

// server is an endpoint. It returns the URL to ask, and may set what the client
// needs beside it.
type server func(*stage, *endpoint.Config) string

// checkDiscreet asserts that nothing that a call takes or returns shows a secret,
// whichever way it is printed.
func checkDiscreet(t *testing.T, s *stage, grant endpoint.Grant, request endpoint.Request, err error) {
	t.Helper()
	type hidden struct{ value any } // fmt calls no methods on what is in here
	inner := struct {
		grant   endpoint.Grant
		request endpoint.Request
	}{grant, request}
	var prints []string
	for _, value := range []any{err, grant, &grant, grant.URL, request, &request, request.Key, hidden{grant}, inner, &inner, []any{grant, request}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			prints = append(prints, fmt.Sprintf(verb, value))
		}
		if text, err := json.Marshal(value); err == nil {
			prints = append(prints, string(text))
		}
		var logs bytes.Buffer
		slog.New(slog.NewTextHandler(&logs, nil)).Info("text", "value", value)
		slog.New(slog.NewJSONHandler(&logs, nil)).Info("json", "value", value)
		prints = append(prints, logs.String())
	}
	for wrapped := err; wrapped != nil; wrapped = errors.Unwrap(wrapped) {
		prints = append(prints, wrapped.Error())
	}
	if form := leak(strings.Join(prints, "|")); form != "" {
		t.Errorf("a secret shows itself as %q in %q", form, prints)
	}
	if err == nil {
		return
	}
	if text := err.Error(); len([]rune(text)) > 600 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
		t.Errorf("the error is no short sentence: %q", text)
	}
}

// TestMain watches what is written to the standard logger as well: net/http logs
// what it finds on a connection that nobody waits for.
func TestMain(m *testing.M) {
	var logs bytes.Buffer
	log.SetOutput(&logs)
	code := m.Run()
	if form := leak(logs.String()); form != "" {
		fmt.Fprintf(os.Stderr, "a secret shows itself as %q in the log:\n%s\n", form, logs.String())
		code = 1
	}
	os.Exit(code)
}
