package main

import (
	"strings"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	days := func(n int) time.Time { return now.AddDate(0, 0, -n) }
	newer := &bundle{Version: "v0.0.0-2", Time: days(1)}
	for _, row := range []struct {
		why     string
		current bundle
		fails   bool
	}{
		{"new", bundle{Time: days(1)}, false},
		{"old, but the newest", bundle{Time: days(900)}, false},
		{"not the newest, but young", bundle{Time: days(90), Update: newer}, false},
		{"old, and there are newer ones", bundle{Time: days(91), Update: newer}, true},
	} {
		err := judge(row.current, now)
		if (err != nil) != row.fails {
			t.Errorf("%s: %v", row.why, err)
		}
		if err != nil && !strings.Contains(err.Error(), "91 days old") || err != nil && !strings.Contains(err.Error(), "go get "+module+"@v0.0.0-2") {
			t.Errorf("%s: it names neither the age nor the cure: %v", row.why, err)
		}
	}
}
