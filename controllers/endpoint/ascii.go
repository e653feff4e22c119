package endpoint

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// ASCII returns what browsers ask for when they open a URL that Check accepts: its host
// by its ASCII name, other characters beyond ASCII percent-encoded. Where bytes beyond
// ASCII are sent as they are, such as in a header, some programs read other characters.
// A URL that is ASCII stays as it is, byte for byte.
func ASCII(text string) string {
	_, authority := origin(text)
	scheme, rest, isAbsolute := strings.Cut(text, "://")
	if !isAbsolute {
		return percentEncoded(text)
	}
	return percentEncoded(scheme) + "://" + asciiAuthority(authority) + percentEncoded(rest[len(authority):])
}

func asciiAuthority(authority string) string {
	u, err := url.Parse("https://" + authority)
	if isASCII(authority) || err != nil {
		return percentEncoded(authority)
	}
	name, err := asBrowsers.ToASCII(u.Hostname())
	if err != nil {
		return percentEncoded(authority)
	}
	return name + authority[len(strings.TrimSuffix(authority, ":"+u.Port())):]
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

func percentEncoded(text string) string {
	var encoded strings.Builder
	for _, b := range []byte(text) {
		if b < utf8.RuneSelf {
			encoded.WriteByte(b)
			continue
		}
		fmt.Fprintf(&encoded, "%%%02X", b)
	}
	return encoded.String()
}
