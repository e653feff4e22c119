package endpoint

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// maxKeyBytes is the length of the longest API key that is sent.
const maxKeyBytes = 512

// Key is an API key that may be sent. It shows itself nowhere: whatever formats,
// logs or marshals it gets "[redacted]". Keys are comparable; the zero Key is none.
type Key struct{ secret }

// ParseKey takes the value of a Secret for an API key, without the white space
// around it. The error is a *KeyError, whose text never holds the value.
func ParseKey(secretValue []byte) (Key, error) {
	value := bytes.TrimSpace(secretValue)
	switch {
	case len(value) == 0:
		return Key{}, &KeyError{"the API key is empty"}
	case len(value) > maxKeyBytes:
		return Key{}, &KeyError{fmt.Sprintf("the API key is longer than %d bytes", maxKeyBytes)}
	case !utf8.Valid(value):
		return Key{}, &KeyError{"the API key is not UTF-8 text"}
	case bytes.ContainsFunc(value, unicode.IsControl):
		return Key{}, &KeyError{"the API key contains control characters or line breaks"}
	}
	return Key{conceal(string(value))}, nil
}

// Reveal returns the key itself, for the request's body and nothing else.
func (k Key) Reveal() string { return k.reveal() }

// IsZero says whether there is no key.
func (k Key) IsZero() bool { return k == Key{} }

// KeyError says why a value cannot be an API key. ParseKey returns it, and
// Client.Open for a zero Key. Nothing was sent; a person must correct the Secret.
type KeyError struct{ Summary string }

func (e *KeyError) Error() string { return e.Summary }
