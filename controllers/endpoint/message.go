package endpoint

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	maxMessage = 256 // runes of a message that are shown
	minToken   = 24  // characters of a word that may be a token; the endpoint's keys have 40
	minPiece   = 8   // bytes of a secret that give it away
	withheld   = "[message withheld: it may contain a key or a URL]"
)

// redactor decides what people may see of the endpoint's texts. It shows a text
// whole or not at all: to cut a secret out, one must know where it begins and ends.
type redactor struct {
	pieces map[string]struct{} // minPiece bytes each
	short  []string            // secrets with less
}

// newRedactor hides a key, and those of its encodings that can pass for words: as it
// is sent and as HTML, the numbers of its bytes, hexadecimal digits in groups, and
// base64 in its three alignments.
func newRedactor(key Key) *redactor {
	r, secret := &redactor{pieces: map[string]struct{}{}}, key.Reveal()
	for _, written := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret)} {
		r.hide(written)
	}
	if len(secret) >= minPiece {
		r.hide(fmt.Sprintf("%d", []byte(secret)))
		r.hide(hex.EncodeToString([]byte(secret)))
		for _, before := range []string{"", "x", "xy"} {
			r.hide(base64.StdEncoding.EncodeToString([]byte(before + secret)))
		}
	}
	return r
}

func (r *redactor) hide(secret string) {
	secret = squash(secret)
	if secret != "" && len(secret) < minPiece {
		r.short = append(r.short, secret)
	}
	for ; len(secret) >= minPiece; secret = secret[1:] {
		r.pieces[secret[:minPiece]] = struct{}{}
	}
}

// hideURL hides the part of a URL after its host, also as it is when decoded. The host
// itself is no secret.
func (r *redactor) hideURL(text string) {
	_, authority := origin(text)
	_, text, _ = strings.Cut(text, authority)
	decoded, _ := url.PathUnescape(text)
	for _, part := range []string{text, decoded} {
		if len(squash(part)) >= minPiece { // "/v1" is in many words
			r.hide(part)
		}
	}
}

// reveals reports whether a piece of a secret can be read in the text. It looks each
// piece of the text up: an answer may hold two long texts, and to look for each piece
// of one in the other would take the product of their lengths.
func (r *redactor) reveals(text string) bool {
	squashed := squash(text)
	for i := minPiece; i <= len(squashed); i++ {
		if _, isSecret := r.pieces[squashed[i-minPiece:i]]; isSecret {
			return true
		}
	}
	return slices.ContainsFunc(r.short, func(secret string) bool { return strings.Contains(squashed, secret) })
}

// messageFor returns the message to put behind a sentence on the answer, or "".
func (d document) messageFor(key Key) string {
	r := newRedactor(key)
	r.hideURL(d.fields["url"])
	if message := r.message(d.fields["message"]); message != "" {
		return ": " + message
	}
	return ""
}

// message returns a text of the endpoint's as it may be shown: on one line and
// capped, or withheld.
func (r *redactor) message(text string) string {
	text = oneLine(text)
	if !isPlain(text) || r.reveals(text) {
		return withheld
	}
	if utf8.RuneCountInString(text) > maxMessage {
		text = string([]rune(text)[:maxMessage-1]) + "…"
	}
	return text
}

// isPlain reports whether a text has neither a word that may be a token nor a URL in
// it. Words end at white space, and in languages without any at their punctuation.
func isPlain(text string) bool {
	ends := func(r rune) bool { return unicode.IsSpace(r) || r > unicode.MaxLatin1 && unicode.IsPunct(r) }
	isToken := func(word string) bool { return utf8.RuneCountInString(word) >= minToken }
	packed := strings.ToLower(strings.ReplaceAll(norm.NFKC.String(text), " ", ""))
	hasURL := strings.Contains(packed, "//") || strings.Contains(packed, "www.")
	return !hasURL && !slices.ContainsFunc(strings.FieldsFunc(text, ends), isToken)
}

// hiddenHost stands for a host whose name may be a key.
const hiddenHost = "another host"

// host returns a host name as it may be shown to the person who decides on it.
func (r *redactor) host(name string) string {
	canonical := canonicalHost(name)
	isToken := func(label string) bool { return len(label) >= minToken }
	if canonical == "" || slices.ContainsFunc(strings.Split(canonical, "."), isToken) || r.reveals(canonical) {
		return hiddenHost
	}
	return canonical
}

// squash returns the letters and digits of a text, without what readers overlook: case,
// accents, width, and whatever stands between them.
func squash(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKD.String(strings.ToValidUTF8(text, "")))
}

// oneLine drops characters that cannot be seen, and makes each run of white space
// one space.
func oneLine(text string) string {
	visible := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsGraphic(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(text, ""))
	return strings.Join(strings.Fields(visible), " ")
}
