package endpoint

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// A key as the endpoint's are, and one that is words.
const (
	hexKey  = "3f9a0c2b7d1e48a65b90c4d2e7f8136a9b0d5c4e"
	wordKey = "correct horse battery staple"
)

func ordinaryMessages(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/messages.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// TestOrdinaryMessagesAreShown holds the other side of withholding: a message that a
// person could act on, and does not see, is lost.
func TestOrdinaryMessagesAreShown(t *testing.T) {
	key, _ := ParseKey([]byte(hexKey))
	for _, message := range ordinaryMessages(t) {
		want := message
		if strings.Contains(message, "application/x-www-form-urlencoded") {
			want = withheld // a word of 33 characters is the price of a simple rule
		}
		if got := newRedactor(key).message(message); got != want {
			t.Errorf("%q is shown as %q", message, got)
		}
	}
}

// regroup writes a text in groups of so many characters.
func regroup(text string, size int, separator string) string {
	var groups []string
	for group := range slices.Chunk([]rune(text), size) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, separator)
}

func mapped(offset rune) func(string) string {
	return func(text string) string {
		return strings.Map(func(r rune) rune {
			if r > ' ' && r <= '~' {
				return r + offset
			}
			return r
		}, text)
	}
}

func swapCase(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, text)
}

// guises are ways to write a key that a person, or a line of shell, undoes.
var guises = map[string]func(string) string{
	"as it is":              func(s string) string { return s },
	"in the other case":     swapCase,
	"full width":            mapped(0xfee0),
	"spelled":               func(s string) string { return regroup(s, 1, " ") },
	"spelled with hyphens":  func(s string) string { return regroup(s, 1, "-") },
	"in pairs":              func(s string) string { return regroup(s, 2, " ") },
	"in fours":              func(s string) string { return regroup(s, 4, " ") },
	"in fours with hyphens": func(s string) string { return regroup(s, 4, "-") },
	"with words between":    func(s string) string { return regroup(s, 10, " and ") },
	"with soft hyphens":     func(s string) string { return regroup(s, 4, "\u00ad") },
	"with accents":          func(s string) string { return regroup(s, 1, "\u0301") + "\u0301" },
	"without its end":       func(s string) string { return s[:len(s)-4] },
	"some of its middle":    func(s string) string { return s[len(s)/3 : len(s)*2/3] },
	"as numbers":            func(s string) string { return fmt.Sprintf("%d", []byte(s)) },
	"in hex":                func(s string) string { return hex.EncodeToString([]byte(s)) },
	"in base64":             func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"in base64 in fours":    func(s string) string { return regroup(base64.RawURLEncoding.EncodeToString([]byte("k:"+s)), 4, " ") },
	"quoted-printable":      func(s string) string { return fmt.Sprintf("=%s", regroup(hex.EncodeToString([]byte(s)), 2, "=")) },
}

// TestKeysAreWithheld writes keys in each guise into an ordinary message.
func TestKeysAreWithheld(t *testing.T) {
	for _, value := range []string{hexKey, wordKey, "acme-production-2026", "Schlüssel für Müller & Söhne", "deadbeefcafedeadbeef", "1234567890123456789012345678901234567890"} {
		key, err := ParseKey([]byte(value))
		if err != nil {
			t.Fatal(err)
		}
		for name, guise := range guises {
			if name == "some of its middle" && value != hexKey {
				continue // too little to give the key away
			}
			for _, message := range []string{"The key " + guise(value) + " is unknown.", guise(value), "x" + guise(value) + "x"} {
				if got := newRedactor(key).message(message); got != withheld {
					t.Errorf("key %q, %s: shown as %q", value, name, got)
				}
			}
		}
	}
}

// TestEscapedKeysAreWithheld: what escapes put between the letters of a key hides nothing
// from people. Long keys are words that may be tokens anyway.
func TestEscapedKeysAreWithheld(t *testing.T) {
	for _, value := range []string{"p@ss/w0rd+1", "ab&cd<ef>gh", "a/b+c&d=e"} {
		key, _ := ParseKey([]byte(value))
		for _, escape := range []func(string) string{url.QueryEscape, url.PathEscape, html.EscapeString} {
			if got := newRedactor(key).message("The key " + escape(value) + " is unknown."); got != withheld {
				t.Errorf("%q is shown as %q", value, got)
			}
		}
	}
}

// TestTokensAreWithheld writes tokens of 24 characters and more, which are not our
// key, into an ordinary message.
func TestTokensAreWithheld(t *testing.T) {
	key, _ := ParseKey([]byte("another key"))
	for _, token := range []string{
		hexKey, strings.ToUpper(hexKey), hexKey[:32],
		"0f8fad5b-d9cb-469f-a165-70867728950e", "{0F8FAD5B-D9CB-469F-A165-70867728950E}",
		"dc51PzHjXgHBF.ZjapmmxZep_Gn9kkHs", "dcPzHjXgHBFZjapmmxZepGnkkHstVSyR", "abcdefghijklmnopqrstuvwxyzabcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF",
		"12345678901234567890123456789012", "1234-5678-9012-3456-7890-1234-5678", "MFRG-GZDF-MZTW-Q2LK-NNWG-23TP-OBYX",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", "user:dGhpcyBpcyBhIHRva2VuIG9mIHNvbWVib2R5",
		"AKIAIOSFODNN7EXAMPLEAKIAIOSFODNN", "xoxb-2444333222-123456789-AbCdEfGhIj", "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
		"зqлйцукенгшщзхъфывапролджэячсмитьб", mapped(0xfee0)(hexKey),
	} {
		for _, message := range []string{"Token " + token + " has expired.", token, "key=" + token, "(" + token + ")", "\"" + token + "\",", "token:" + token} {
			if got := newRedactor(key).message(message); got != withheld {
				t.Errorf("%q is shown", got)
			}
		}
	}
	for name, guise := range guises {
		token := guise(hexKey)
		if longest := slices.MaxFunc(strings.Fields(token), func(a, b string) int { return len(a) - len(b) }); len(longest) < 24 {
			continue // nothing tells it from words but a key to compare it with
		}
		if got := newRedactor(key).message("Token " + token + " has expired."); got != withheld {
			t.Errorf("somebody else's key, %s: shown as %q", name, got)
		}
	}
}

// FuzzMessage puts a key in a guise anywhere into any message. What is shown has
// neither the key nor a token nor a URL in it, and is the message itself.
func FuzzMessage(f *testing.F) {
	for i, message := range ordinaryMessages(f) {
		f.Add(message, i, i)
	}
	key, _ := ParseKey([]byte(hexKey))
	names := slices.Sorted(maps.Keys(guises))
	f.Fuzz(func(t *testing.T, message string, at, which int) {
		got := newRedactor(key).message(message)
		if got != withheld {
			checkShown(t, message, got)
		}
		if !utf8.ValidString(message) || len(message) > 1000 {
			return
		}
		position := max(at, 0) % (len(message) + 1)
		for !utf8.RuneStart((message + "x")[position]) {
			position--
		}
		guise := guises[names[max(which, 0)%len(names)]](hexKey)
		if got := newRedactor(key).message(message[:position] + guise + message[position:]); got != withheld {
			t.Errorf("%q is shown with the key in it as %q", got, guise)
		}
	})
}

// checkShown asserts by means of its own what every shown message promises.
func checkShown(t *testing.T, message, got string) {
	t.Helper()
	shown, cut := strings.CutSuffix(got, "…")
	if !cut && len(strings.Fields(got)) > 0 && !strings.Contains(oneLine(message), shown) {
		t.Errorf("%q is shown as %q", message, got)
	}
	switch {
	case strings.ContainsFunc(got, unicode.IsControl), utf8.RuneCountInString(got) > maxMessage:
		t.Errorf("%q is no short line", got)
	case strings.Contains(strings.ReplaceAll(got, " ", ""), "//"):
		t.Errorf("%q has a URL in it", got)
	}
	for _, word := range strings.FieldsFunc(got, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if utf8.RuneCountInString(word) >= 32 {
			t.Errorf("%q has a token in it", got)
		}
	}
}
