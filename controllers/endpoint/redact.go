package endpoint

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxMessage = 256     // runes of a message that are shown
	maxRead    = 4 << 10 // bytes of a message that are looked at
	withheld   = "[message withheld, as it repeats the key or a URL]"
)

// redactor makes what the endpoint wrote fit to be shown. Secrets that appear as
// they are, are struck out. A text in which one appears in disguise is withheld
// whole: where it begins and ends is then a guess.
type redactor struct{ secrets []string }

// newRedactor hides the key, the given URLs, and the parts of those that are long
// enough to be what makes them worth hiding.
func newRedactor(key Key, urls ...string) redactor {
	r := redactor{secrets: []string{key.Reveal()}}
	for _, text := range urls {
		for _, part := range urlParts(text) {
			if len(part) >= 16 {
				r.secrets = append(r.secrets, part)
			}
		}
	}
	return r
}

func urlParts(text string) []string {
	parts := []string{text}
	u, err := url.Parse(text)
	if err != nil {
		return parts
	}
	parts = append(parts, u.RequestURI(), u.RawQuery, u.Fragment)
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	return parts
}

// messageFor is the message to put behind a sentence on the answer, or "".
func (d document) messageFor(key Key) string {
	message := newRedactor(key, d["url"]).message(d["message"])
	if message == "" {
		return ""
	}
	return ": " + message
}

var (
	urlLike = regexp.MustCompile(`(?i)\S*(?:://|www\.|\?\S*=|[a-z0-9-]\.[a-z0-9-]{2,}(?::\d+)?/)\S*`)
	// No word of a language is that long; keys and tokens are.
	tokenLike = regexp.MustCompile(`\S{41,}`)
)

// message is a text of the endpoint's as it may be shown: on one line, capped, and
// free of secrets and of anything that looks like a URL.
func (r redactor) message(text string) string {
	text = r.strike(beginning(oneLine(text)))
	if r.echoes(text) {
		return withheld
	}
	text = tokenLike.ReplaceAllString(urlLike.ReplaceAllString(text, "[url]"), redacted)
	if anyReading(text, func(reading string) bool { return strings.Contains(reading, "://") }) {
		return withheld
	}
	return capped(text)
}

// host is a host name as it may be shown, for the person who decides on it.
func (r redactor) host(name string) string {
	canonical := canonicalHost(name)
	if canonical == "" || tokenLike.MatchString(strings.ReplaceAll(canonical, ".", " ")) || r.echoes(canonical) {
		return "another host"
	}
	return canonical
}

func (r redactor) strike(text string) string {
	for _, secret := range r.secrets {
		text = regexp.MustCompile(`(?i)`+regexp.QuoteMeta(secret)).ReplaceAllLiteralString(text, redacted)
	}
	return text
}

// echoes says whether a secret, or a good part of a long one, can be read in the
// text, whichever way.
func (r redactor) echoes(text string) bool {
	var parts []string
	for _, secret := range r.secrets {
		parts = append(parts, pieces(squash(secret))...)
	}
	return anyReading(text, func(reading string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(reading, part) })
	})
}

// pieces of a secret are quarters of it, of 8 to 32 bytes, of which one betrays it:
// an endpoint may show a key with a few characters missing.
func pieces(secret string) []string {
	length := min(max(8, len(secret)/4), 32)
	if len(secret) <= length {
		return []string{secret}
	}
	var parts []string
	for ; len(secret) >= length; secret = secret[length:] {
		parts = append(parts, secret[:length])
	}
	return parts
}

// oneLine drops what cannot be seen, and makes white space single spaces.
func oneLine(text string) string {
	visible := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsGraphic(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(text, ""))
	return strings.Join(strings.Fields(visible), " ")
}

func beginning(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxRead)], "")
}

func capped(text string) string {
	if utf8.RuneCountInString(text) <= maxMessage {
		return text
	}
	return string([]rune(text)[:maxMessage-1]) + "…"
}
