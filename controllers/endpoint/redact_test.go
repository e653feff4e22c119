package endpoint_test

import (
	"encoding/base64"
	"encoding/hex"
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

	"pgregory.net/rapid"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

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
