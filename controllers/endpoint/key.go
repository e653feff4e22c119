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

// ParseKey reads an API key from the value of a Secret, without the white space
// around it. The error is a *KeyError, whose text never contains the value.
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

// Reveal returns the key itself. It belongs in the body of the request and nowhere
// else.
func (k Key) Reveal() string { return k.reveal() }

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k == Key{} }

// KeyError reports why a value cannot be an API key. ParseKey returns it, and so does
// Client.IssueURL for a zero Key. Nothing is sent; a person must correct the Secret.
type KeyError struct{ Summary string }

func (e *KeyError) Error() string { return e.Summary }
