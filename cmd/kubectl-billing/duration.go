package main

import (
	"fmt"
	"time"
)

var units = []struct {
	length time.Duration
	name   string
}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}}

// exactBelow is the number of units from which the next smaller unit is left out:
// "2 minutes 5 seconds", but "3 minutes".
const exactBelow = 3

// span formats a duration in words: "48 seconds", "2 minutes 5 seconds", "8 minutes".
// It rounds down: a URL must not be said to work for longer than it does.
func formatDuration(d time.Duration) string {
	for i, unit := range units {
		n := d / unit.length
		if n == 0 {
			continue
		}
		text := count(n, unit.name)
		if n < exactBelow && i+1 < len(units) {
			smaller := units[i+1]
			if rest := d % unit.length / smaller.length; rest > 0 {
				text += " " + count(rest, smaller.name)
			}
		}
		return text
	}
	return "less than a second"
}

func count(n time.Duration, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// stamp formats a time as RFC 3339 in UTC.
func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
