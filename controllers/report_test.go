package controllers

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNoteOfAnEventIsAsLongAsTheAPIServerTakes(t *testing.T) {
	t.Parallel()
	for _, note := range []string{"", "short", strings.Repeat("x", longestNote), strings.Repeat("x", longestNote+1), "x" + strings.Repeat("\U00020000", longestNote)} {
		got := shorten(note)
		if len(got) > longestNote || !utf8.ValidString(got) {
			t.Errorf("%d bytes became %d, valid: %t", len(note), len(got), utf8.ValidString(got))
		}
		if len(note) <= longestNote && got != note {
			t.Errorf("%q was changed", note)
		}
	}
}
