package standin_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/standin"
)

func TestPageWorksUntilItsURLExpires(t *testing.T) {
	s := start(t)
	s.clock.SetTime(s.clock.Now().Truncate(time.Second)) // expire is in whole seconds
	granted := s.ask("api_key=123", "expire=600").grant(t)
	for _, row := range []struct {
		why    string
		after  time.Duration
		status int
		says   string
	}{
		{"it works immediately", 0, 200, "Usage in "},
		{"and more than once", 0, 200, "Usage in "},
		{"and in the last second", 599 * time.Second, 200, "Usage in "},
		{"but not when expire is reached", time.Second, 403, "This link has expired"},
		{"nor a day later", 24 * time.Hour, 403, "This link has expired"},
	} {
		s.clock.Step(row.after)
		got := s.open(granted.URL[0])
		if got.status != row.status || !strings.Contains(got.body, row.says) {
			t.Errorf("%s: %d\n%s", row.why, got.status, got.body)
		}
	}
	if s.Visits() != 5 {
		t.Errorf("Visits = %d, want 5", s.Visits())
	}
	if s.Total() != 1 {
		t.Errorf("Total = %d: a visit is no request", s.Total())
	}
}

func TestPageExpiresByTheServersClock(t *testing.T) {
	s := start(t)
	granted := s.ask("api_key=123", "expire=600").grant(t)
	s.SetClockOffset(time.Hour)
	if got := s.open(granted.URL[0]); got.status != 403 {
		t.Errorf("status = %d", got.status)
	}
}

func TestPagesWithoutAGrant(t *testing.T) {
	s := start(t)
	for path, row := range map[string]struct {
		status int
		says   string
	}{
		standin.PagePath + "?t=unknown": {403, "This link does not work"},
		standin.PagePath:                {403, "This link does not work"},
		"/":                             {404, "There is nothing here"},
		"/_standin/requests":            {404, "There is nothing here"}, // control is an option
	} {
		got := s.open(s.base + path)
		if got.status != row.status || !strings.Contains(got.body, row.says) {
			t.Errorf("%s: %d\n%s", path, got.status, got.body)
		}
	}
}

func TestSingleUseURLsWorkOnce(t *testing.T) {
	s := start(t, standin.SingleUse())
	granted := s.ask("api_key=123", "expire=600").grant(t).URL[0]
	first, second := s.open(granted), s.open(granted)
	if first.status != 200 || second.status != 403 || !strings.Contains(second.body, "This link has been used") {
		t.Errorf("%d, then %d\n%s", first.status, second.status, second.body)
	}
	s.clock.Step(time.Hour)
	if got := s.open(granted); !strings.Contains(got.body, "This link has expired") {
		t.Errorf("the page does not say that it has expired:\n%s", got.body)
	}
}

func TestPagesOutliveTheirKey(t *testing.T) {
	s := start(t)
	granted := s.ask("api_key=123").grant(t).URL[0]
	s.RevokeKeys(key)
	if got := s.open(granted); got.status != 200 {
		t.Errorf("status = %d", got.status)
	}
}

func TestPagesAreReadOnly(t *testing.T) {
	s := start(t)
	granted := s.ask("api_key=123").grant(t).URL[0]
	got := s.do(s.request(http.MethodPost, strings.TrimPrefix(granted, s.base), formType, ""))
	if got.status != http.StatusMethodNotAllowed {
		t.Errorf("status = %d", got.status)
	}
}

// A URL that logs in must not leak through a cache, a referrer or an asset of another
// server.
func TestPagesKeepTheirURLToThemselves(t *testing.T) {
	s := start(t)
	live := s.ask("api_key=123").grant(t).URL[0]
	elsewhere := regexp.MustCompile(`(?i)(src|href|action)="?(https?:)?//|@import|url\(`)
	for name, granted := range map[string]string{"live": live, "closed": s.base + standin.PagePath + "?t=no"} {
		got := s.open(granted)
		for field, want := range map[string]string{
			"Cache-Control":          "no-store",
			"Referrer-Policy":        "no-referrer",
			"X-Content-Type-Options": "nosniff",
			"Content-Type":           "text/html; charset=utf-8",
		} {
			if got.header.Get(field) != want {
				t.Errorf("%s page: %s = %q, want %q", name, field, got.header.Get(field), want)
			}
		}
		if policy := got.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") {
			t.Errorf("%s page: Content-Security-Policy = %q", name, policy)
		}
		if found := elsewhere.FindString(got.body); found != "" {
			t.Errorf("%s page refers to elsewhere: %s", name, found)
		}
		if strings.Contains(got.body, key) && name == "closed" {
			t.Errorf("%s page holds the key", name)
		}
		if !strings.Contains(got.body, "Stand-in.") {
			t.Errorf("%s page does not say that it is a stand-in", name)
		}
	}
}

func TestPageCountsDown(t *testing.T) {
	s := start(t)
	s.clock.SetTime(s.clock.Now().Truncate(time.Second))
	granted := s.ask("api_key=123", "expire=600").grant(t)
	s.clock.Step(time.Minute)
	got := s.open(granted.URL[0])
	if err := says(`data-seconds="540"`, ">9:00<")(s, got); err != nil {
		t.Errorf("%v\n%s", err, got.body)
	}
	if err := header("Refresh", "541")(s, got); err != nil {
		t.Errorf("a browser without scripts keeps showing a page that has expired: %v", err)
	}
}

func TestPageSaysWhatHappensToDocumentsOnHold(t *testing.T) {
	for purge, want := range map[string]string{
		"purge=delete":  "Documents on hold will be deleted.",
		"purge=process": "Documents on hold will be processed and counted on the new plan.",
	} {
		s := start(t)
		if err := says(want)(s, s.open(s.ask("api_key=123", purge).grant(t).URL[0])); err != nil {
			t.Error(err)
		}
	}
	s := start(t)
	if err := says("Nothing was chosen")(s, s.open(s.ask("api_key=123").grant(t).URL[0])); err != nil {
		t.Error(err)
	}
}

func TestEachKeyHasAnAccountOfItsOwn(t *testing.T) {
	s := start(t, standin.AcceptAnyKey())
	account := func(key string) string {
		body := s.open(s.ask("api_key=" + key).grant(t).URL[0]).body
		_, body, _ = strings.Cut(body, "<main")
		body, _, _ = strings.Cut(body, "</main>")
		return body
	}
	if first, again := account("a"), account("a"); first != again {
		t.Error("the account of a key changes from page to page")
	}
	if account("a") == account("b") {
		t.Error("two keys share an account")
	}
}

// The invented numbers must fit the page on any date.
func TestPageIsCompleteOnAnyDate(t *testing.T) {
	for range 50 {
		s := start(t, standin.AcceptAnyKey())
		got := s.open(s.ask("api_key=" + s.clock.Now().String()).grant(t).URL[0])
		if got.status != 200 || strings.Contains(got.body, "NaN") || strings.Contains(got.body, `height="-`) || !strings.HasSuffix(got.body, "</html>\n") {
			t.Errorf("%d\n%s", got.status, got.body)
		}
	}
}
