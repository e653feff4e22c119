package endpoint_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/xtracta/billing-operator/controllers/endpoint"
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
	asJSON, _ := json.Marshal(map[string]string{"api_key": testKey, "url": testURL})
	rows := []row{
		shown("plain", "what a person can use is shown", "The API key has no access to this resource", ": The API key has no access to this resource"),
		shown("of other letters", "messages may be in any language", "Ключ недействителен", ": Ключ недействителен"),
		shown("of many lines", "a status has one line", "one\n\n  two\tthree\u2028four", ": one two three four"),
		shown("with controls", "terminals obey them", "a\u0085b\u009bc", ": a bc"),
		shown("with direction marks", "text must read as it is", "a\u202eb\u200bc\ufeffd", ": abcd"),
		shown("long", "a status is no log", strings.Repeat("word ", 2000), "…"),
		shown("a word of a thousand letters", "no word is that long", "before "+strings.Repeat("x", 1000)+" after", withheld),
		shown("with a request id", "support asks for it", "failed, request 4711-08-15", "request 4711-08-15"),
		shown("with a UUID", "keys may look like it", "failed, request 0f8fad5b-d9cb-469f-a165-70867728950e", withheld),
		shown("with a mail address", "people may be written to", "write to support@xtracta.com.", "write to support@xtracta.com."),
		shown("with a slash", "not each slash is a URL's", "read and/or write", "read and/or write"),
		shown("with the key", "the usual echo", "API key {key} is unknown", withheld),
		shown("with the key twice", "each of them", "{key}{key}", withheld),
		shown("with the URL", "a login must not be shown", "see {url} for more", withheld),
		shown("with another URL", "URLs may hold logins, whose ever they are", "see https://evil.example/?t=1 now", withheld),
		shown("with a URL of another scheme", "URLs may hold logins", "see ftp://user:pass@evil.example now", withheld),
		shown("with a URL in brackets", "brackets are no way out", "see (https://evil.example/x) now", withheld),
		shown("with a URL without scheme", "people paste it into a browser all the same", "see api-app.xtracta.com/v1/x?t=1 now", withheld),
		shown("with www", "people paste it into a browser all the same", "see www.xtracta.com now", withheld),
		shown("with the token", "the token is what is worth hiding in the URL", "token {token} expired", withheld),
		shown("with the query", "the query is what is worth hiding in the URL", "t={token}", withheld),
		shown("with the key in upper case", "case may be changed on the way", strings.ToUpper(testKey), withheld),
		shown("with the key as JSON", "bodies are logged as JSON and echoed", string(asJSON), withheld),
		shown("with the key but for its end", "the rest can be tried out", "key "+testKey[:len(testKey)-4]+" unknown", withheld),
		shown("with the key but for its beginning", "the rest can be tried out", "key "+testKey[6:]+" unknown", withheld),
		shown("with the key cut by spaces", "people can join it", "key "+strings.Join(strings.Split(testKey, ""), " "), withheld),
		shown("with the key cut by line breaks", "people can join it", "key "+testKey[:10]+"\n"+testKey[10:20]+"\n"+testKey[20:], withheld),
		shown("with the key cut by zero-width spaces", "it looks whole", "key "+testKey[:10]+"\u200b"+testKey[10:], withheld),
		shown("with the key in full-width letters", "people can read it", "key "+fullWidth(testKey), withheld),
		shown("with the URL cut by spaces", "people can join it", strings.Join(strings.SplitAfter(testURL, "/"), " "), withheld),
		shown("with another URL cut by spaces", "people can join it", "https: //evil.example/ x", withheld),
		shown("with another URL cut at its colon", "people can join it", "https : // evil . example / x", withheld),
		shown("with another URL escaped", "people can decode it", "https%3A%2F%2Fevil.example%2Fx", withheld),
		shown("with another URL in JSON", "people can decode it", `https:\/\/evil.example\/x`, withheld),
		shown("with the request", "bodies are logged and echoed", url.Values{"api_key": {testKey}, "expire": {"600"}}.Encode(), withheld),
		shown("with the request in base64", "bodies are logged and echoed", base64.StdEncoding.EncodeToString([]byte("api_key="+url.QueryEscape(testKey)+"&expire=600")), withheld),
		shown("with the request in a URL in base64", "two encodings over one another", base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(url.QueryEscape(testKey)))), withheld),
		shown("with base64 behind a word", "it may follow without a gap", "token"+base64.RawStdEncoding.EncodeToString([]byte(testKey)), withheld),
		shown("with base64 in lines", "mail breaks it", breakLines(base64.StdEncoding.EncodeToString([]byte("key: "+testKey))), withheld),
		shown("with hex in upper case", "people can decode it", strings.ToUpper(hex.EncodeToString([]byte(testKey))), withheld),
		shown("with hex behind a digit", "it may follow without a gap", "7"+hex.EncodeToString([]byte(testKey)), withheld),
		shown("with a hex dump", "bytes may be set apart", eachByte(testKey, "%02x "), withheld),
		shown("with entities twice escaped", "bodies are escaped once too often", html.EscapeString(eachByte(testKey, "&#%d;")), withheld),
		shown("with the key where showing ends", "what is cut off there is a key still", strings.Repeat("word ", 49)+"{key}", withheld),
		shown("of 60 KiB", "a long message must not cost minutes", strings.Repeat("%41&amp;\\u0041QUJD4142 ", 2500), ""),
		{name: "with a query of short values", why: "together they are a login", server: answers(403, root("<message>order a=12345678&amp;b=87654321 failed</message><url>https://api-app.xtracta.com/v1/billings/x?a=12345678&amp;b=87654321</url>")), want: rejected, says: withheld},
		{name: "with a short value of the URL", why: "it is a login as it is", server: answers(403, root("<message>order 12345678 failed</message><url>https://api-app.xtracta.com/12345678</url>")), want: rejected, says: withheld},
		{name: "with a value of the URL, decoded", why: "whoever echoes it has read it", server: answers(403, root("<message>token aB+cD/eF=gH12 failed</message><url>https://api-app.xtracta.com/x?t=aB%2BcD%2FeF%3DgH12</url>")), want: rejected, says: withheld},
		{name: "without text", why: "an empty message adds nothing", server: answers(403, root("<message> </message>")), want: rejected, says: "HTTP 403 Forbidden"},
		{name: "in a document that is cut off", why: "a message is shown from whole documents only", server: answers(403, "<documents_response><message>{key}"), want: rejected, says: "HTTP 403 Forbidden"},
		{name: "in another document", why: "a message is read under any root, and no less carefully", server: answers(403, "<error><message>{key}</message></error>"), want: rejected, says: "HTTP 403 Forbidden"},
		{name: "with 429", why: "a message explains a pause too", server: answers(429, root("<message>Too many for {key}</message>")), want: throttled, says: "429 Too Many Requests: [message withheld"},
		{name: "with 503", why: "a message explains an outage too", server: answers(503, root("<message>Maintenance {url}</message>")), want: unavailable, says: "503 Service Unavailable: [message withheld"},
		{name: "with status 500 in the body", why: "a message explains an outage too", server: says(root("<status>500</status><message>{key}</message><url>{url}</url>")), want: unavailable, says: "status 500: [message withheld"},
		{name: "with a sound grant", why: "a message beside a grant is not shown at all", server: says(root("<message>{key} {url}</message><url>{url}</url><expire>{expire}</expire>")), want: granted},
	}
	for i, form := range forms(testKey) {
		rows = append(rows, row{name: fmt.Sprintf("with the key in form %d", i), why: "people can decode it", server: tells("key " + form + " unknown"), want: rejected, says: "HTTP 403 Forbidden: "})
	}
	for i, form := range forms(testURL) {
		rows = append(rows, row{name: fmt.Sprintf("with the URL in form %d", i), why: "people can decode it", server: tells("see " + form + " now"), want: rejected, says: "HTTP 403 Forbidden: "})
	}
	return rows
}

func fullWidth(text string) string {
	return strings.Map(func(r rune) rune { return r + 0xfee0 }, text)
}

func breakLines(text string) string {
	var lines []string
	for ; len(text) > 20; text = text[20:] {
		lines = append(lines, text[:20])
	}
	return strings.Join(append(lines, text), "\r\n")
}

// disguises are what may happen to a text on its way into a message.
var disguises = map[string]func(string) string{
	"nothing":        func(s string) string { return s },
	"query escape":   url.QueryEscape,
	"path escape":    url.PathEscape,
	"each percent":   func(s string) string { return eachByte(s, "%%%02X") },
	"HTML":           html.EscapeString,
	"each entity":    func(s string) string { return eachByte(s, "&#x%02X;") },
	"quotes of Go":   strconv.QuoteToASCII,
	"each \\u":       func(s string) string { return eachByte(s, `\u%04x`) },
	"each \\x":       func(s string) string { return eachByte(s, `\x%02x`) },
	"base64":         func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 of URLs": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"hex":            func(s string) string { return hex.EncodeToString([]byte(s)) },
	"spaces":         func(s string) string { return strings.Join(strings.Split(s, ""), " ") },
	"lines":          breakLines,
}

// TestRedaction draws keys, two disguises over one another and words around, and
// asserts that no error shows the key in any form. What is disguised already cannot be
// known for a key once it is taken apart, so nothing is spelled in the end.
func TestRedaction(t *testing.T) {
	ask := asker(t)
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringMatching(`[0-9A-Za-z]{8}[!-~]{16,56}`).Draw(t, "key")
		names := rapid.SampledFrom(slices.Sorted(maps.Keys(disguises)))
		first := names.Draw(t, "first")
		second := names.Filter(func(name string) bool { return name != "spaces" || first == "nothing" }).Draw(t, "second")
		echo := disguises[second](disguises[first](key))
		text := ask(t, key, words.Draw(t, "before")+" "+echo+" "+words.Draw(t, "after"))
		for _, form := range append(forms(key), echo) {
			if strings.Contains(text, form) {
				t.Fatalf("%q shows %q", text, form)
			}
		}
	})
}

// TestMessageSurvives draws plain words and asserts that they are shown as they are:
// a redaction that hides everything helps nobody.
func TestMessageSurvives(t *testing.T) {
	ask := asker(t)
	rapid.Check(t, func(t *rapid.T) {
		text := words.Draw(t, "words")
		want := "the endpoint answered HTTP 403 Forbidden: " + text + ". " + groupHint
		if strings.HasSuffix(text, "!") {
			want = strings.Replace(want, "!. ", "! ", 1)
		}
		if got := ask(t, groupKey, text); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

var words = rapid.Custom(func(t *rapid.T) string {
	word := rapid.SampledFrom([]string{"the", "API", "key", "has", "no", "access,", "expired!", "group", "(4711)", "Zugriff", "ключ", "403", "2026-01-01", "12:30:00", "50%", "A&B", "id=7", "and/or", "#12", "a+b"})
	return strings.Join(rapid.SliceOfN(word, 1, 20).Draw(t, "words"), " ")
})

// asker returns what a refusal with a message reads like.
func asker(t *testing.T) func(t *rapid.T, key, message string) string {
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	client := newClient(t, server.URL)
	return func(t *rapid.T, value, message string) string {
		body = root("<message>" + html.EscapeString(message) + "</message>")
		key, err := endpoint.ParseKey([]byte(value))
		must(t, err)
		_, err = client.IssueURL(t.Context(), endpoint.Request{Key: key})
		if outcomeOf(err) != rejected {
			t.Fatalf("got %v", err)
		}
		return err.Error()
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
