package main

import (
	"testing"
)

func TestTitleOf(t *testing.T) {
	for _, row := range []struct{ why, page, want string }{
		{"a title is read as a browser reads it", "<head>\n<title>Lindqvist &amp; Berg</title>", "Lindqvist & Berg"},
		{"a page without a title must be shown too", "<p>hello", "(no title)"},
	} {
		if got := titleOf([]byte(row.page)); got != row.want {
			t.Errorf("%s: got %q, want %q", row.why, got, row.want)
		}
	}
}
