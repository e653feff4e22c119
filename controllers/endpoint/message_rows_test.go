package endpoint_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"
)

// messageRows refuse with a message that holds what must not be shown.
func messageRows() []row {
	tells := func(message string) server {
		return handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, "<documents_response><status>403</status><message>%s</message><url>%s</url></documents_response>", html.EscapeString(s.fill(message)), testURL)
		})
	}
	shown := func(name, why, message, says string) row {
		return row{name: name, why: why, server: tells(message), want: rejected, says: says}
	}
	const withheld = "withheld"
	return []row{
		shown("plain", "what a person can use is shown", "The API key has no access to this resource", ": The API key has no access to this resource"),
		shown("of many lines", "a status has one line", "one\n\n  two\tthree\u2028four", ": one two three four"),
		shown("with direction marks", "text must read as it is", "a\u202eb\u200bc\ufeffd", ": abcd"),
		shown("long", "a status is no log", strings.Repeat("word ", 2000), "…"),
		shown("with a request id", "support asks for it", "failed, request 4711-08-15", "request 4711-08-15"),
		shown("with the key", "the usual echo", "API key {key} is unknown", withheld),
		shown("with the URL", "a login must not be shown", "see {url} for more", withheld),
		shown("with the token", "the token is what is worth hiding in the URL", "token {token} expired", withheld),
		shown("with another URL escaped", "people can decode it", "https%3A%2F%2Fevil.example%2Fx", withheld),
		shown("with the key where showing ends", "what is cut off there is a key still", strings.Repeat("word ", 49)+"{key}", withheld),
		{name: "with a value of the URL, decoded", why: "whoever echoes it has read it", server: answers(403, root("<message>token aB+cD/eF=gH12 failed</message><url>https://api-app.xtracta.com/x?t=aB%2BcD%2FeF%3DgH12</url>")), want: rejected, says: withheld},
		{name: "without text", why: "an empty message adds nothing", server: answers(403, root("<message> </message>")), want: rejected, says: "HTTP 403 Forbidden"},
		{name: "in a document that is cut off", why: "a message is shown from whole documents only", server: answers(403, "<documents_response><message>{key}"), want: rejected, says: "HTTP 403 Forbidden"},
		{name: "in another document", why: "a message is read under any root, and no less carefully", server: answers(403, "<error><message>{key}</message></error>"), want: rejected, says: "HTTP 403 Forbidden"},
		{name: "with 429", why: "a message explains a pause too", server: answers(429, root("<message>Too many for {key}</message>")), want: throttled, says: "429 Too Many Requests: [message withheld"},
		{name: "with status 500 in the body", why: "a message explains an outage too", server: says(root("<status>500</status><message>{key}</message><url>{url}</url>")), want: unavailable, says: "status 500: [message withheld"},
		{name: "with a sound grant", why: "a message beside a grant is not shown at all", server: says(root("<message>{key} {url}</message><url>{url}</url><expire>{expire}</expire>")), want: granted},
	}
}

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
