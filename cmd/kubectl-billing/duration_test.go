package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
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

func TestADurationIsRoundedDown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(int64(time.Second), int64(1000*time.Hour)).Draw(t, "span"))
		said := formatDuration(d)
		meant, err := parseSpan(said)
		if err != nil {
			t.Fatalf("%s is said %q: %v", d, said, err)
		}
		if meant > d || d-meant > d/3 && d-meant >= time.Second {
			t.Fatalf("%s is said %q, which is too much or too little", d, said)
		}
	})
}

// parseSpan parses the output of span.
func parseSpan(said string) (d time.Duration, err error) {
	words := strings.Fields(said)
	if len(words) != 2 && len(words) != 4 {
		return 0, fmt.Errorf("%d words", len(words))
	}
	for ; len(words) > 0; words = words[2:] {
		n, err := strconv.Atoi(words[0])
		if err != nil {
			return 0, err
		}
		name := strings.TrimSuffix(words[1], "s")
		if (n == 1) != (name == words[1]) {
			return 0, fmt.Errorf("%d %s", n, words[1])
		}
		lengths := map[string]time.Duration{"day": 24 * time.Hour, "hour": time.Hour, "minute": time.Minute, "second": time.Second}
		d += time.Duration(n) * lengths[name]
	}
	return d, nil
}
