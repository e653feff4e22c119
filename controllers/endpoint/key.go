package endpoint

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// maxKeyBytes bounds an API key. Real ones have 40 characters; what is much longer is
// another file.
const maxKeyBytes = 512

// Key is an API key that may be sent. Whatever formats, logs or marshals it gets
// "[redacted]". Keys are comparable; the zero Key is no key.
type Key struct{ secret }

// ParseKey reads an API key from the value of a Secret, without the white space and
// the invisible characters around it. Editors, shells and web pages leave these there,
// and the endpoint would reject the key for them. The error is a *KeyError, whose text
// never contains the value.
func ParseKey(secretValue []byte) (Key, error) {
	value := bytes.TrimFunc(secretValue, isAround)
	switch {
	case len(value) == 0:
		return Key{}, &KeyError{"the API key is empty"}
	case len(value) > maxKeyBytes:
		return Key{}, &KeyError{fmt.Sprintf("the API key is longer than %d bytes", maxKeyBytes)}
	case !utf8.Valid(value):
		return Key{}, &KeyError{"the API key is not UTF-8 text"}
	}
	text := string(value)
	for i, r := range text {
		if kind := unprintable(r); kind != "" {
			return Key{}, &KeyError{fmt.Sprintf("character %d of the API key is %U, %s", utf8.RuneCountInString(text[:i])+1, r, kind)}
		}
	}
	return Key{conceal(text)}, nil
}

// unprintable says what is wrong with a character that no key contains, or "".
func unprintable(r rune) string {
	switch {
	case r == '\n', r == '\r':
		return "a control character (line break)"
	case unicode.In(r, unicode.Zl, unicode.Zp):
		return "a line break"
	case unicode.IsControl(r):
		return "a control character"
	case isInvisible(r):
		return "which is invisible"
	}
	return ""
}

// isInvisible reports whether a character has no shape of its own: format characters,
// such as a byte order mark and a zero width space, and what Unicode wants ignored.
func isInvisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// isAround reports whether a character around a value was not meant: white space, or
// what cannot be seen.
func isAround(r rune) bool { return unicode.IsSpace(r) || isInvisible(r) }

// Reveal returns the key itself. It belongs in the body of the request and nowhere
// else.
func (k Key) Reveal() string { return k.reveal() }

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k == Key{} }

// KeyError reports why a value cannot be an API key. ParseKey returns it, and so does
// Client.IssueURL for a zero Key. Nothing is sent; a person must correct the Secret.
type KeyError struct{ Summary string }

func (e *KeyError) Error() string { return e.Summary }
