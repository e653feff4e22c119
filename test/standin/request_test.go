package standin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		{"the sample's body is a form", "POST", "", "application/json", `{"api_key":"123"}`, 415, "The body must be application/x-www-form-urlencoded", ""},
		{"a broken escape cannot be read", "POST", "", formType, "api_key=%zz", 400, "The body could not be read as a form", ""},
		{"no request needs a body of that size", "POST", "", formType, "api_key=" + strings.Repeat("1", 70_000), 413, "The body is too large", ""},
		{"api_key is required", "POST", "", formType, "expire=600", 422, "api_key is required", ""},
		{"a mistyped parameter must not go unnoticed", "POST", "", formType, "api_key=123&expires=600", 422, "A parameter is unknown; api_key, purge and expire are known", "123"},
		{"two values are ambiguous", "POST", "", formType, "api_key=123&expire=600&expire=60", 422, "expire is given more than once", "123"},
		{"purge has two values", "POST", "", formType, "api_key=123&purge=keep", 422, "purge must be delete or process", "123"},
		{"an empty purge is not an absent purge", "POST", "", formType, "api_key=123&purge=", 422, "purge must be delete or process", "123"},
		{"a lifetime of zero is useless", "POST", "", formType, "api_key=123&expire=0", 422, "expire must be a number of seconds from 1 to 259200", "123"},
		{"three days are the maximum", "POST", "", formType, "api_key=123&expire=259201", 422, "expire must be a number of seconds from 1 to 259200", "123"},
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
	s := start(t)
	seen := map[string]bool{}
	for range 10 {
		got := s.ask("api_key=123", "purge=process", "expire=259200").grant(t)
		if want := s.clock.Now().Unix() + 259200; got.Expire != want {
			t.Errorf("expire = %d, want %d", got.Expire, want)
		}
		grants := s.Grants(key)
		if last := grants[len(grants)-1]; last.Purge != "process" || last.URL != got.URL[0] || last.Expire.Unix() != got.Expire {
			t.Errorf("Grants ends in %+v", last)
		}
		token, granted := strings.CutPrefix(got.URL[0], s.base+standin.PagePath+"?t=")
		if !granted || seen[token] || len(token) < 43 { // 256 bits in base64
			t.Errorf("the URL can be guessed: %s", got.URL[0])
		}
		seen[token] = true
	}
}

func TestAccessOfKeys(t *testing.T) {
	for _, row := range []struct {
		why    string
		option standin.Option
		do     func(*standin.Server)
		status int
	}{
		{"an unknown key has none", standin.WithKeys("other"), func(*standin.Server) {}, 403},
		{"a revoked key may be added again", standin.WithKeys("k"), func(s *standin.Server) { s.RevokeKeys("k"); s.AddKeys("k") }, 200},
		{"any key has access when all are accepted", standin.AcceptAnyKey(), func(*standin.Server) {}, 200},
		{"except a revoked one", standin.AcceptAnyKey(), func(s *standin.Server) { s.RevokeKeys("k") }, 403},
	} {
		s := start(t, row.option)
		row.do(s.Server)
		if got := s.ask("api_key=k"); got.status != row.status {
			t.Errorf("%s: status = %d", row.why, got.status)
		}
	}
}

func TestAWrongClockShowsInDateExpireAndPages(t *testing.T) {
	s := start(t, standin.WithMaxLife(time.Minute))
	s.SetClockOffset(-time.Hour)
	got, wrong := s.ask("api_key=123"), s.clock.Now().Add(-time.Hour)
	if got.header.Get("Date") != wrong.UTC().Format(http.TimeFormat) || got.grant(t).Expire != wrong.Unix()+60 {
		t.Errorf("Date = %q, expire = %d at %s", got.header.Get("Date"), got.grant(t).Expire, wrong)
	}
	s.SetClockOffset(0)
	if page := s.open(got.grant(t).URL[0]); page.status != http.StatusForbidden {
		t.Errorf("page = %d", page.status)
	}
}
