package growth

import (
	"strings"
	"testing"
)

var kept string

// appended makes a text of n lines.
func appended(n int) func() {
	return func() {
		var text strings.Builder
		for range n {
			text.WriteString("a line of a text")
		}
		kept = text.String()
	}
}

// concatenated makes the same text, and copies it n times.
func concatenated(n int) func() {
	return func() {
		kept = ""
		for range n {
			kept += "a line of a text"
		}
	}
}

// pairs allocates for each pair.
func pairs(n int) func() {
	return func() {
		for range n * n {
			kept = strings.Repeat("xy", 2)
		}
	}
}

func TestWorkThatGrowsFasterShows(t *testing.T) {
	const size = 200
	for _, row := range []struct {
		why   string
		of    func(int) func()
		grows string
	}{
		{"what grows with its input is fine", appended, ""},
		{"what copies all of it each time is not", concatenated, "allocated bytes"},
		{"nor what allocates for each pair", pairs, "allocations"},
	} {
		if got := excess(measure(row.of(size)), measure(row.of(2*size))); !strings.Contains(got, row.grows) || (got == "") != (row.grows == "") {
			t.Errorf("%s: %q, want %q", row.why, got, row.grows)
		}
	}
}
