package standin_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/xtracta/billing-operator/test/standin"
)

const formType = "application/x-www-form-urlencoded"

func TestRefusesRequestsThatTheDocumentDoesNotAllow(t *testing.T) {
	for _, row := range []struct {
		why               string
		method, query     string
		contentType, body string
		status            int
		message           string
		countsFor         string
	}{
		{"the document says POST", "GET", "", "", "", 405, "Only POST is allowed here", ""},
		{"a key in the query ends up in the logs of proxies", "POST", "?api_key=123", formType, "", 400, "Parameters belong in the body, not in the query", ""},
		{"a harmless parameter does not belong in the query either", "POST", "?expire=600", formType, "api_key=123", 400, "Parameters belong in the body, not in the query", ""},
		{"the sample's body is a form", "POST", "", "application/json", `{"api_key":"123"}`, 415, "The body must be application/x-www-form-urlencoded", ""},
		{"a form without a content type is not known to be one", "POST", "", "", "api_key=123", 415, "The body must be application/x-www-form-urlencoded", ""},
		{"a broken escape cannot be read", "POST", "", formType, "api_key=%zz", 400, "The body could not be read as a form", ""},
		{"no request needs a body of that size", "POST", "", formType, "api_key=" + strings.Repeat("1", 70_000), 413, "The body is too large", ""},
		{"api_key is required", "POST", "", formType, "expire=600", 422, "api_key is required", ""},
		{"an empty key is not a key", "POST", "", formType, "api_key=", 422, "api_key is required", ""},
		{"a mistyped parameter must not go unnoticed", "POST", "", formType, "api_key=123&expires=600", 422, "A parameter is unknown; api_key, purge and expire are known", "123"},
		{"two values are ambiguous", "POST", "", formType, "api_key=123&expire=600&expire=60", 422, "expire is given more than once", "123"},
		{"purge has two values", "POST", "", formType, "api_key=123&purge=keep", 422, "purge must be delete or process", "123"},
		{"purge is in lower case", "POST", "", formType, "api_key=123&purge=Delete", 422, "purge must be delete or process", "123"},
		{"an empty purge is not an absent purge", "POST", "", formType, "api_key=123&purge=", 422, "purge must be delete or process", "123"},
		{"a lifetime of zero is useless", "POST", "", formType, "api_key=123&expire=0", 422, "expire must be a number of seconds from 1 to 259200", "123"},
		{"three days are the maximum", "POST", "", formType, "api_key=123&expire=259201", 422, "expire must be a number of seconds from 1 to 259200", "123"},
		{"seconds have no unit", "POST", "", formType, "api_key=123&expire=10m", 422, "expire must be a number of seconds from 1 to 259200", "123"},
		{"seconds have no sign", "POST", "", formType, "api_key=123&expire=%2B600", 422, "expire must be a number of seconds from 1 to 259200", "123"},
		{"an empty expire is not an absent expire", "POST", "", formType, "api_key=123&expire=", 422, "expire must be a number of seconds from 1 to 259200", "123"},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := start(t)
			s.Misbehave(standin.Status(503)) // no fault hides a client's mistake
			got := s.do(s.request(row.method, standin.Path+row.query, row.contentType, row.body))
			document := got.grant(t)
			if got.status != row.status || document.Message != row.message {
				t.Errorf("answer = %d %q, want %d %q", got.status, document.Message, row.status, row.message)
			}
			if len(document.URL) > 0 || len(s.Grants(key)) > 0 {
				t.Error("a URL was granted")
			}
			if row.countsFor != "" && s.Requests(row.countsFor) != 1 {
				t.Errorf("Requests = %d, want 1", s.Requests(row.countsFor))
			}
			if s.Total() != 1 || s.lastRequest().Outcome != standin.Invalid {
				t.Errorf("Total = %d, log = %+v", s.Total(), s.Log())
			}
		})
	}
}

func TestSaysWhichMethodIsAllowed(t *testing.T) {
	s := start(t)
	got := s.do(s.request(http.MethodPut, standin.Path, "", ""))
	if allow := got.header.Get("Allow"); allow != "POST" {
		t.Errorf("Allow = %q, want POST", allow)
	}
}

func TestUnderstandsTheDocumentedRequest(t *testing.T) {
	s := start(t)
	s.do(s.request(http.MethodPost, standin.Path, formType, golden(t, "documented-request.form")))
	want := []standin.Request{{
		Time: s.clock.Now(), Key: standin.KeyID("123"), Expire: 600 * time.Second,
		Outcome: standin.Granted, Status: 200, Life: 600 * time.Second,
	}}
	if diff := cmp.Diff(want, s.Log()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestGrantsWhatIsAskedFor(t *testing.T) {
	s := start(t, standin.AcceptAnyKey())
	rapid.Check(t, func(rt *rapid.T) {
		seconds := rapid.IntRange(1, 259200).Draw(rt, "expire")
		purge := rapid.SampledFrom([]string{"delete", "process"}).Draw(rt, "purge")
		anyKey := rapid.StringMatching(`[!-~]{1,40}`).Draw(rt, "key")
		got := s.ask("api_key="+anyKey, "purge="+purge, "expire="+strconv.Itoa(seconds)).grant(t)
		if want := s.clock.Now().Unix() + int64(seconds); got.Expire != want {
			rt.Errorf("expire = %d, want %d", got.Expire, want)
		}
		grants := s.Grants(anyKey)
		last := grants[len(grants)-1]
		if last.Purge != purge || last.URL != got.URL[0] || last.Expire.Unix() != got.Expire {
			rt.Errorf("Grants ends in %+v", last)
		}
	})
}

func TestGrantsTheDocumentsDefaultLife(t *testing.T) {
	s := start(t)
	if got, want := s.ask("api_key=123").grant(t).Expire, s.clock.Now().Unix()+600; got != want {
		t.Errorf("expire = %d, want %d", got, want)
	}
}

func TestGrantsURLsThatCannotBeGuessed(t *testing.T) {
	s := start(t)
	seen := map[string]bool{}
	for range 100 {
		granted, err := url.Parse(s.ask("api_key=123").grant(t).URL[0])
		if err != nil {
			t.Fatal(err)
		}
		token := granted.Query().Get("t")
		if len(token) < 43 { // 256 bits in base64
			t.Fatalf("a token of %d characters is too short", len(token))
		}
		if seen[token] {
			t.Fatal("a token was granted twice")
		}
		seen[token] = true
		if at := granted.Scheme + "://" + granted.Host + granted.Path; at != s.base+standin.PagePath {
			t.Fatalf("granted at %s", at)
		}
	}
}

func TestAccessOfKeys(t *testing.T) {
	for _, row := range []struct {
		why    string
		option standin.Option
		do     func(*standin.Server)
		status int
	}{
		{"a known key has access", standin.WithKeys("k"), func(*standin.Server) {}, 200},
		{"an unknown key has none", standin.WithKeys("other"), func(*standin.Server) {}, 403},
		{"a key may be added", standin.WithKeys(), func(s *standin.Server) { s.AddKeys("k") }, 200},
		{"a key may be revoked", standin.WithKeys("k"), func(s *standin.Server) { s.RevokeKeys("k") }, 403},
		{"a revoked key may be added again", standin.WithKeys("k"), func(s *standin.Server) { s.RevokeKeys("k"); s.AddKeys("k") }, 200},
		{"any key has access when all are accepted", standin.AcceptAnyKey(), func(*standin.Server) {}, 200},
		{"except a revoked one", standin.AcceptAnyKey(), func(s *standin.Server) { s.RevokeKeys("k") }, 403},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := start(t, row.option)
			row.do(s.Server)
			if got := s.ask("api_key=k"); got.status != row.status {
				t.Errorf("status = %d, want %d", got.status, row.status)
			}
		})
	}
}

func TestRefusalsAreLogged(t *testing.T) {
	s := start(t)
	s.ask("api_key=unknown", "expire=60")
	want := standin.Request{Time: s.clock.Now(), Key: standin.KeyID("unknown"), Expire: time.Minute, Outcome: standin.Refused, Status: 403}
	if diff := cmp.Diff(want, s.lastRequest()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestOptionsOfTheGrant(t *testing.T) {
	t.Run("the base URL replaces the one that the client called", func(t *testing.T) {
		s := start(t, standin.WithBaseURL("https://billing.example:8443/"))
		if got := s.ask("api_key=123").grant(t).URL[0]; !strings.HasPrefix(got, "https://billing.example:8443/v1/billings/index.html?t=") {
			t.Errorf("granted at %s", got)
		}
	})
	t.Run("the maximum lifetime limits what is asked for", func(t *testing.T) {
		s := start(t, standin.WithMaxLife(time.Hour))
		if got, want := s.ask("api_key=123", "expire=7200").grant(t).Expire, s.clock.Now().Unix()+3600; got != want {
			t.Errorf("expire = %d, want %d", got, want)
		}
	})
	t.Run("a wrong clock shows in Date, in expire and in pages", func(t *testing.T) {
		s := start(t)
		s.SetClockOffset(-time.Hour)
		got := s.ask("api_key=123")
		if want := s.clock.Now().Add(-time.Hour).UTC().Format(http.TimeFormat); got.header.Get("Date") != want {
			t.Errorf("Date = %q, want %q", got.header.Get("Date"), want)
		}
		if want := s.clock.Now().Add(-time.Hour).Unix() + 600; got.grant(t).Expire != want {
			t.Errorf("expire = %d, want %d", got.grant(t).Expire, want)
		}
		s.SetClockOffset(0)
		if page := s.open(got.grant(t).URL[0]); page.status != http.StatusForbidden {
			t.Errorf("page = %d", page.status)
		}
	})
}
