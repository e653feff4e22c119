package main

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestEscape(t *testing.T) {
	for _, row := range []struct{ why, text, want string }{
		{"plain text", "The URL is alive", "The URL is alive"},
		{"people have names", "Grüße, 請求書 ✓", "Grüße, 請求書 ✓"},
		{"sentences have lines and columns", "a\tb\n", "a\tb\n"},
		{"ESC begins an escape sequence", "\x1b[2J", "^[[2J"},
		{"CSI is one character in Latin-1 and in UTF-8", "\u009b2J", `\u009b2J`},
		{"CSI as the byte of Latin-1", "\x9b2J", `\x9b2J`},
		{"CR overwrites the line", "ok\rbad", "ok^Mbad"},
		{"NUL", "\x00", "^@"},
		{"DEL", "\x7f", "^?"},
		{"right to left override", "\u202egpj", `\u202egpj`},
		{"zero width space", "a\u200bb", `a\u200bb`},
		{"byte order mark", "\ufeffa", `\ufeffa`},
		{"half a character", "\xe2\x82", `\xe2\x82`},
		{"the replacement character itself", "\ufffd", "\ufffd"},
	} {
		t.Run(row.why, func(t *testing.T) {
			if got := escape(row.text); got != row.want {
				t.Errorf("%q becomes %q, want %q", row.text, got, row.want)
			}
		})
	}
}

func TestNothingEscapesEscape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		for _, got := range []string{escape(text), escapeLine(text)} {
			if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsGraphic(r) }) {
				t.Fatalf("%q becomes %q", text, got)
			}
		}
		if strings.ContainsAny(escapeLine(text), "\n\t") {
			t.Fatalf("%q does not stay on its line", text)
		}
	})
}
