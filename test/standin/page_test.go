package standin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/standin"
)

func TestPageWorksUntilItsURLExpires(t *testing.T) {
	s := start(t)
	s.clock.SetTime(s.clock.Now().Truncate(time.Second)) // expire is in whole seconds
	granted := s.ask("api_key=123", "expire=600", "purge=delete").grant(t).URL[0]
	s.RevokeKeys(key)
	for _, row := range []struct {
		why    string
		after  time.Duration
		status int
		says   string
	}{
		{"it works at once, although its key was revoked", 0, 200, "Documents on hold will be deleted."},
		{"and in the last second", 599 * time.Second, 200, "Billing (stand-in)"},
		{"but not when expire is reached", time.Second, 403, "This link has expired"},
	} {
		s.clock.Step(row.after)
		got := s.open(granted)
		if got.status != row.status || !strings.Contains(got.body, row.says) {
			t.Errorf("%s: %d\n%s", row.why, got.status, got.body)
		}
	}
	if got := s.open(s.base + standin.PagePath + "?t=unknown"); got.status != http.StatusForbidden || !strings.Contains(got.body, "This link does not work") {
		t.Errorf("an unknown URL: %d\n%s", got.status, got.body)
	}
	if s.Visits() != 4 || s.Total() != 1 {
		t.Errorf("%d visits and %d requests, want 4 and 1", s.Visits(), s.Total())
	}
}

// A browser goes on showing a page unless it is told to ask again. A URL that logs in must
// not leak through a cache or a referrer.
func TestPageAsksAgainWhenItExpiresAndKeepsItsURLToItself(t *testing.T) {
	s := start(t)
	s.clock.SetTime(s.clock.Now().Truncate(time.Second))
	got := s.open(s.ask("api_key=123", "expire=600").grant(t).URL[0])
	for name, want := range map[string]string{"Refresh": "601", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
		if got.header.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, got.header.Get(name), want)
		}
	}
}
