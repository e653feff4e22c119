package endpoint

import (
	"fmt"
	"io"
	"log/slog"
	"unique"
)

const redacted = "[redacted]"

// secret is a text that shows itself in no format, log or encoding. Behind a
// handle it also stays hidden in an unexported field, which fmt prints without
// asking for a String method; and it remains comparable.
type secret struct{ handle unique.Handle[string] }

func conceal(text string) secret {
	if text == "" {
		return secret{}
	}
	return secret{unique.Make(text)}
}

func (s secret) reveal() string {
	if s == (secret{}) {
		return ""
	}
	return s.handle.Value()
}

func (secret) String() string                 { return redacted }
func (secret) GoString() string               { return redacted }
func (secret) Format(f fmt.State, _ rune)     { _, _ = io.WriteString(f, redacted) }
func (secret) LogValue() slog.Value           { return slog.StringValue(redacted) }
func (secret) MarshalText() ([]byte, error)   { return []byte(redacted), nil }
func (secret) MarshalJSON() ([]byte, error)   { return []byte(`"` + redacted + `"`), nil }
func (secret) MarshalBinary() ([]byte, error) { return []byte(redacted), nil }
