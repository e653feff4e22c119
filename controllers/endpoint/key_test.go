package endpoint_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

func TestZeroKeyIsNotSent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }))
	defer server.Close()
	_, err := newClient(t, server.URL).IssueURL(t.Context(), endpoint.Request{ExpirationSeconds: 600})
	if invalid := new(endpoint.KeyError); !errors.As(err, &invalid) {
		t.Errorf("got %v", err)
	}
	if outcome, ok := endpoint.OutcomeOf(err); ok {
		t.Errorf("nothing was sent, and yet the endpoint is %s", outcome)
	}
}

// TestParseKey has a few of the invisible characters. TestInvisibleCharacters tries all.
func TestParseKey(t *testing.T) {
	for _, c := range []struct{ why, value, want, says string }{
		{"as it is", "abc", "abc", ""},
		{"files end in a line break", "abc\n", "abc", ""},
		{"space inside is the key's own", "a b", "a b", ""},
		{"letters beyond ASCII are", "schlüssel", "schlüssel", ""},
		{"a mark and a line break, in either order", "\ufeff\nabc\n\ufeff", "abc", ""},
		{"tags and a variation selector", "abc\ufe0f\U000e0041\U000e007f", "abc", ""},
		{"a line separator", "\u2028abc\u2029", "abc", ""},
		{"space beyond ASCII inside is the key's own", "a\u00a0b", "a\u00a0b", ""},
		{"512 bytes are the most", strings.Repeat("k", 512), strings.Repeat("k", 512), ""},
		{"more are none", strings.Repeat("k", 513), "", "longer than 512 bytes"},
		{"bytes count, not letters", strings.Repeat("ü", 257), "", "longer than 512 bytes"},
		{"nothing", "", "", "empty"},
		{"as good as nothing", " \n\t", "", "empty"},
		{"not UTF-8", "secret\xff\xfe", "", "not UTF-8"},
		{"a line break inside: two keys, or half of one", "secret\nother", "", "control"},
		{"NUL", "secret\x00x", "", "control"},
		{"only invisible characters", "\ufeff\u200b\n\u2060", "", "empty"},
		{"a byte order mark inside: two files in one", "\ufeffsecret\ufeffx", "", "character 7 of the API key is U+FEFF"},
		{"the place is counted in characters, not in bytes", "sécrét\u200b\u2060x", "", "character 7 of the API key is U+200B"},
		{"and in the key, without what is around it", "\u200b \nsecret\u2060x\n", "", "character 7 of the API key is U+2060"},
		{"a control character has a place, too", "secret\x1bx", "", "character 7 of the API key is U+001B, a control character"},
		{"a line break", "secret\r\nother", "", "character 7 of the API key is U+000D, a control character (line break)"},
		{"a line separator inside", "secret\u2028other", "", "character 7 of the API key is U+2028, a line break"},
		{"a variation selector", "secret\ufe0fx", "", "character 7 of the API key is U+FE0F"},
	} {
		t.Run(c.why, func(t *testing.T) {
			key, err := endpoint.ParseKey([]byte(c.value))
			if key.Reveal() != c.want || key.IsZero() != (c.want == "") {
				t.Errorf("got %q", key.Reveal())
			}
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if invalid := new(endpoint.KeyError); !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.says) || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "secret") {
				t.Errorf("the error is %#v", err)
			}
		})
	}
}

// TestInvisibleCharacters tries every character of the kind, on both sides and inside.
func TestInvisibleCharacters(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.Is(unicode.Cf, r) {
			continue
		}
		around := fmt.Sprintf("%c\n%c abc\t%c\r\n%c", r, r, r, r)
		if key, err := endpoint.ParseKey([]byte(around)); err != nil || key.Reveal() != "abc" {
			t.Errorf("%U around a key: %q, %v", r, key.Reveal(), err)
		}
		_, err := endpoint.ParseKey([]byte("ab" + string(r) + "c"))
		if want := fmt.Sprintf("character 3 of the API key is %U, which is invisible", r); err == nil || err.Error() != want {
			t.Errorf("%U inside a key: %v", r, err)
		}
	}
}

// FuzzParseKey reads any value of a Secret. A key that comes of it can be sent, and an
// error does not repeat the value.
func FuzzParseKey(f *testing.F) {
	for _, value := range []string{testKey, "\ufeff" + testKey + "\r\n", "\xff\xfea\x00", "a\u200bb", "", strings.Repeat("k", 513)} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		key, err := endpoint.ParseKey(value)
		text := key.Reveal()
		if err != nil {
			if secret := strings.TrimSpace(string(value)); text != "" || len(secret) > 8 && strings.Contains(err.Error(), secret) && !strings.Contains("the API key is", secret) {
				t.Errorf("%q: %q, %v", value, text, err)
			}
			return
		}
		for _, r := range text {
			if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r == unicode.ReplacementChar && !strings.Contains(string(value), "\ufffd") {
				t.Errorf("%q has %U in it", text, r)
			}
		}
		if len(text) == 0 || len(text) > 512 || text != strings.TrimSpace(text) || !strings.Contains(string(value), text) {
			t.Errorf("%q is read as %q", value, text)
		}
	})
}
