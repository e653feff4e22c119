package endpoint

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"
)

// withKeyHint adds to a rejection what may be wrong with the key. The API has keys of
// groups and of persons, which look alike: the likeliest first mistake, unless the key
// does not look like one at all.
func withKeyHint(summary string, status int, key Key) string {
	hint := oddity(key.Reveal())
	switch {
	case key.IsZero():
		return summary
	case hint != "":
		hint = "The API key " + hint + "; Xtracta's keys have 40 hexadecimal digits"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		hint = "This endpoint wants a group's API key, not a person's"
	default:
		return summary
	}
	if last, _ := utf8.DecodeLastRuneInString(summary); strings.ContainsRune(".!?…。", last) {
		return summary + " " + hint
	}
	return summary + ". " + hint
}

const (
	isReference = "is a placeholder or a reference that no tool has replaced"
	isNobodys   = "is a placeholder that nobody has replaced"
	isPrefixed  = "begins with a word that does not belong to it, such as api_key= or Bearer"
	isAmid      = "has characters around it that do not belong to it"
)

// oddities are the ways in which a value that is no key gets into a Secret. The first
// that fits is told.
var oddities = []struct{ pattern, says string }{
	{"^[\"'`“”„‘’«].*[\"'`“”’»]$", "is in quotes"},
	{`^[{\[]\s*"`, "is JSON"},
	{`^\W*[0-9a-f]{40}\W*$`, isAmid},
	{`^[\w. -]+[:=]\s*[0-9a-f]{40}$`, isPrefixed},
	{`^https?://`, "is a URL"},
	{`^<.*>$`, isReference},
	{`^ENC\[|^[\w+.-]+://`, isReference},
	{`^(vault|op|arn|env|file|ssm|gcp|azurekv|secret|ref\+?\w*):`, isReference},
	{`[$#@%]\{|\$\(|\{[{%]`, isReference}, // shells, Kubernetes, templates
	{`^(\$\w+|%\w+%|@\w+@|__\w+__)$`, isReference},
	{`^\W*((change|replace)[ _-]?(me|this)?|insert|enter|put|your|my|todo|fixme)(\W|_|$)`, isNobodys},
	{`^\W*(example|placeholder|dummy|redacted|hidden|none|null|undefined|x{3,})(\W|_|$)`, isNobodys},
	{`^[^\pL\pN]+$`, isNobodys},
	{`^(bearer|basic|token|apikey|key)\s`, isPrefixed},
	{`^[\w. -]*[g-z_][\w. -]*[:=]\s*[^\s=]`, isPrefixed},
	{`^[0-9a-f]{40}[\s,;|]*[0-9a-f]{40}$`, "looks like two keys"},
	{`[\s,;|]`, "has a space, a comma or the like in it"},
	{`%[0-9a-f]{2}|\\[nrtux]`, "is escaped"},
}

var hexadecimal = regexp.MustCompile(`^[0-9A-Fa-f]+$`)

// oddity says how a key differs from those of the endpoint, without showing it, or ""
// if it looks like one of them.
func oddity(key string) string {
	size := utf8.RuneCountInString(key)
	switch isHex := hexadecimal.MatchString(key); {
	case isHex && size == 40:
		return ""
	case isEncoded(key):
		return fmt.Sprintf("has %d characters and was encoded once too often, as base64 or hexadecimal digits", size)
	case isHex && size != 80:
		return fmt.Sprintf("has %d hexadecimal digits", size)
	}
	for _, odd := range oddities {
		if regexp.MustCompile("(?i)" + odd.pattern).MatchString(key) { // a rejection is rare
			return odd.says
		}
	}
	return fmt.Sprintf("has %d characters, not all of them hexadecimal digits", size)
}

// isEncoded reports whether a key is the encoding of a text. That of anything else
// decodes to bytes that nobody would type.
func isEncoded(key string) bool {
	unpadded := strings.TrimRight(key, "=")
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.RawStdEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if text, err := decode(unpadded); err == nil && printable.Match(text) {
			return true
		}
	}
	return false
}

var printable = regexp.MustCompile(`^[ -~]{8,}\r?\n?$`)
