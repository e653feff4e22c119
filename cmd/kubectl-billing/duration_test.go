package main

import (
	"testing"
	"time"
)

func TestDurationsInWords(t *testing.T) {
	const day = 24 * time.Hour
	for _, row := range []struct {
		span time.Duration
		want string
		why  string
	}{
		{0, "less than a second", "nothing is left"},
		{999 * time.Millisecond, "less than a second", "nobody says 0 seconds"},
		{time.Second, "1 second", "one is not many"},
		{48 * time.Second, "48 seconds", ""},
		{time.Minute, "1 minute", "nobody says 1 minute 0 seconds"},
		{119 * time.Second, "1 minute 59 seconds", "a minute more or less matters here"},
		{125 * time.Second, "2 minutes 5 seconds", ""},
		{3*time.Minute + 59*time.Second, "3 minutes", "rounded down: no more is promised than there is"},
		{8*time.Minute + 20*time.Second, "8 minutes", "seconds do not matter any more"},
		{time.Hour, "1 hour", ""},
		{time.Hour + 59*time.Second, "1 hour", "only the next smaller unit is of interest"},
		{time.Hour + 59*time.Minute, "1 hour 59 minutes", ""},
		{23*time.Hour + 59*time.Minute, "23 hours", ""},
		{day + time.Hour, "1 day 1 hour", ""},
		{3*day - time.Second, "2 days 23 hours", "the longest life that a URL has, a moment later"},
		{400 * day, "400 days", "nobody thinks of a URL in years"},
	} {
		if got := formatDuration(row.span); got != row.want {
			t.Errorf("%s is said %q, want %q: %s", row.span, got, row.want, row.why)
		}
	}
}
