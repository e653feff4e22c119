package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escape makes text that others wrote harmless for a terminal. It keeps line breaks and
// tabs, and shows every other control or invisible character: one of them could move the
// cursor, recolour lines or reverse what the user reads.
func escape(text string) string {
	var escaped strings.Builder
	for i, r := range text {
		switch {
		case r == '\n' || r == '\t':
			escaped.WriteRune(r)
		case r < ' ' || r == 0x7f:
			escaped.WriteString("^" + string(r^0x40)) // ^[ for ESC, as in kubectl
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			fmt.Fprintf(&escaped, `\x%02x`, text[i]) // a byte that is not UTF-8
		case !unicode.IsGraphic(r):
			fmt.Fprintf(&escaped, `\u%04x`, r)
		default:
			escaped.WriteRune(r)
		}
	}
	return escaped.String()
}

// escapeLine is escape for a text that must stay on one line and in one cell.
func escapeLine(text string) string {
	return escape(strings.NewReplacer("\n", " ", "\t", " ").Replace(text))
}
