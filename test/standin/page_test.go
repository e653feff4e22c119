package standin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/standin"
)

func TestPageWorksUntilItsURLExpires(t *testing.T) {
	s := start(t)
	s.ask("api_key=123&expire=600&purge=delete")
	granted := strings.TrimPrefix(s.Grants(key)[0].URL, s.base)
	for _, row := range []struct {
		why    string
		after  time.Duration
		page   string
		status int
		says   string
	}{
		{"it works at once", 0, granted, 200, "Documents on hold will be deleted."},
		{"and in the last second", 599 * time.Second, granted, 200, "Billing (stand-in)"},
		{"but not when expire is reached", time.Second, granted, 403, "This link has expired"},
		{"nor does an unknown URL", 0, standin.PagePath + "?t=unknown", 403, "This link does not work"},
	} {
		s.clock.Step(row.after)
		if status, text := s.open(row.page); status != row.status || !strings.Contains(text, row.says) {
			t.Errorf("%s: %d\n%s", row.why, status, text)
		}
	}
}
