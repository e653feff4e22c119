package main

import (
	"fmt"
	"time"
)

var units = []struct {
	length time.Duration
	name   string
}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}}

// few are so many of a unit that the next smaller one still matters to a person.
const few = 3

// span says a duration as a person would: "48 seconds", "2 minutes 5 seconds",
// "8 minutes". It rounds down, so that no more is promised than there is.
func span(d time.Duration) string {
	for i, unit := range units {
		n := d / unit.length
		if n == 0 {
			continue
		}
		said := count(n, unit.name)
		if n < few && i+1 < len(units) {
			smaller := units[i+1]
			if rest := d % unit.length / smaller.length; rest > 0 {
				said += " " + count(rest, smaller.name)
			}
		}
		return said
	}
	return "less than a second"
}

func count(n time.Duration, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// stamp is an instant as people and tools read it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
