package endpoint

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// minToken is the length from which a word counts as a token. The endpoint's keys
// have 40 characters.
const minToken = 32

// isPlain reports whether a text consists of plain words and short numbers with
// ordinary punctuation. What is plain is no token, no URL and no encoding of one.
func isPlain(text string) bool {
	words := strings.FieldsFunc(norm.NFC.String(text), separates)
	for _, word := range words {
		if utf8.RuneCountInString(word) >= minToken || !plainWord.MatchString(word) {
			return false
		}
	}
	return !urlLike.MatchString(text) && !notProse.MatchString(strings.ReplaceAll(text, " ", "")) && !isSpelled(words)
}

var (
	urlLike = regexp.MustCompile(`(?i)\bwww\.|[\p{L}\p{N}]\.\p{L}{2,}(?::\p{N}+)?/`)
	// notProse matches what no sentence contains once its spaces are removed: the
	// slashes of a URL, an entity of HTML, a key that consists of punctuation.
	notProse = regexp.MustCompile(`//|&#|&[a-z]+;|[\p{P}\p{S}]{6,}`)
)

// separates reports whether a word ends at the character. Letters without case, such
// as those of Chinese, Arabic and Hindi, end one too: no token is written in them.
func separates(r rune) bool {
	switch {
	case unicode.IsSpace(r), unicode.In(r, unicode.Lo, unicode.Lm, unicode.M):
		return true
	case r > unicode.MaxLatin1:
		return unicode.IsPunct(r) && !strings.ContainsRune("‘’‚–‑‰", r)
	}
	return strings.ContainsRune("()[]{}<>«»\"`,;:/|!¡¿", r)
}

// plainWord matches a word between separators: parts such as "API", "GitHub", "600",
// "v2", "2nd" and "B2B", joined as in "api_key", "don't", "id=7" and "me@example.com".
var plainWord = func() *regexp.Regexp {
	const (
		letters = `(?:\p{Lu}+\p{Ll}*|\p{Ll}+|\p{Lu}?\p{Ll}+(?:\p{Lu}\p{Ll}{2,}){1,2})`
		numbers = `\p{N}{1,12}|\p{N}{1,6}\p{L}{1,4}|\p{L}{1,3}\p{N}\p{L}{1,3}|\p{N}{2}T\p{N}{2}|(?:\p{N}{1,3}[dhms]){2,4}`
		part    = `(?:` + letters + `\p{N}{0,4}|` + numbers + `)`
		joined  = part + `(?:[-_.'’&+=@–‑]\.{0,2}` + part + `)*`
	)
	return regexp.MustCompile(`^(?:[-+#$€£¥@*'‘’‚._~§№]{0,3}` + joined + `[-+#$€£¥*'‘’._%‰°?™®©~]{0,3}|[^\p{L}\p{N}\\]{1,3})$`)
}()

// isSpelled reports whether the words spell a token out: many single characters in a
// row, or short groups as long as a token of which several mix letters and digits.
func isSpelled(words []string) bool {
	const maxGroup, minMixed = 4, 5
	length, groups, singles := 0, 0, 0
	for _, word := range words {
		size := utf8.RuneCountInString(word)
		length += size
		singles++
		if size > maxGroup {
			length, groups = 0, 0
		}
		if size > 1 {
			singles = 0
		}
		if size == 1 || mixed.MatchString(word) {
			groups++
		}
		if singles >= minPiece || length >= minToken && groups >= minMixed {
			return true
		}
	}
	return false
}

var mixed = regexp.MustCompile(`\p{L}\p{N}|\p{N}\p{L}`)
