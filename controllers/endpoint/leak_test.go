package endpoint_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode"
)

// leak finds a secret of the rows in a text in any usual form, and returns the
// form. It encodes the secrets, so that it shares nothing with the redaction,
// which decodes the text.
func leak(text string) string {
	packed := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	packed = strings.ToLower(packed)
	for _, form := range secretForms {
		if strings.Contains(packed, form) {
			return form
		}
	}
	return ""
}

var secretForms = func() (all []string) {
	for _, secret := range []string{testKey, testURL, testToken} {
		for _, form := range forms(secret) {
			all = append(all, strings.ToLower(form))
		}
	}
	return all
}()

// forms are the encodings of a secret.
func forms(secret string) []string {
	forms := []string{
		secret,
		url.QueryEscape(secret), url.PathEscape(secret), url.QueryEscape(url.QueryEscape(secret)),
		html.EscapeString(secret),
		hex.EncodeToString([]byte(secret)),
		eachByte(secret, "%%%02x"), eachByte(secret, "\\x%02x"), eachByte(secret, "\\u%04x"), eachByte(secret, "\\%03o"),
		eachByte(secret, "&#%d;"), eachByte(secret, "&#x%x;"), eachByte(secret, "%02x:"), eachByte(secret, "0x%02x,"),
		strings.ReplaceAll(secret, "/", `\/`),
	}
	for _, prefix := range []string{"", "x", "xy"} { // the three alignments of base64
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			encoded := encoding.EncodeToString([]byte(prefix + secret))
			forms = append(forms, encoded[len(prefix)+1:len(encoded)-3])
		}
	}
	return forms
}

func eachByte(secret, format string) string {
	var out strings.Builder
	for _, b := range []byte(secret) {
		fmt.Fprintf(&out, format, b)
	}
	return out.String()
}

// TestLeak makes sure that what watches over all rows can see.
func TestLeak(t *testing.T) {
	for _, form := range forms(testKey) {
		if leak("before "+form+" after") == "" {
			t.Errorf("%q is not seen", form)
		}
	}
	if leak("spaced "+strings.Join(strings.Split(testToken, ""), " ")) == "" {
		t.Error("a spaced token is not seen")
	}
	if form := leak("nothing to see, [redacted]"); form != "" {
		t.Errorf("%q is seen where nothing is", form)
	}
}
