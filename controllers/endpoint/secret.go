package endpoint

import (
	"fmt"
	"io"
	"log/slog"
	"unique"
)

const redacted = "[redacted]"

// secret is a text that no format, log or encoding shows. The handle also hides it
// inside unexported fields, which fmt prints without calling String, and keeps it
// comparable.
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
func (secret) Format(f fmt.State, _ rune)     { _, _ = io.WriteString(f, redacted) }
func (secret) LogValue() slog.Value           { return slog.StringValue(redacted) }
func (secret) MarshalText() ([]byte, error)   { return []byte(redacted), nil }
func (secret) MarshalBinary() ([]byte, error) { return []byte(redacted), nil }
