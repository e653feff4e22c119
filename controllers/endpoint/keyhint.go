package endpoint

import (
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// keyHint names the likeliest first mistake. The API has keys of both kinds.
const keyHint = "This endpoint wants a group's API key, not a person's"

// withKeyHint adds the hint to what is said of a rejection that may be about the key.
func withKeyHint(summary string, status int, message string) string {
	if !aboutKey(status, message) {
		return summary
	}
	if last, _ := utf8.DecodeLastRuneInString(summary); strings.ContainsRune(".!?…。", last) {
		return summary + " " + keyHint
	}
	return summary + ". " + keyHint
}

// Words of messages that are about something other than the key, whatever else they
// mention, and of messages that are about the key or what it may do.
var (
	otherSubjects = strings.Fields(`plan plans subscription subscriptions payment payments invoice invoices card trial
		quota limit limits credit credits balance overdue unpaid suspended
		field fields parameter parameters param params argument arguments missing purge expire expiry expiration
		ip address addresses network country region maintenance`)
	keySubjects = strings.Fields(`key keys api_key apikey credential credentials access permission permissions
		authentication authenticate authenticated authorization authorisation authorized authorised unauthorized unauthorised
		group groups user users`)
)

// aboutKey reports whether a rejection is about the key. 401 and 403 are, unless their
// message is about something else; other statuses are if their message says so. A
// message decides nothing but this hint: it is written for people, and may change.
func aboutKey(status int, message string) bool {
	words := strings.FieldsFunc(strings.ToLower(message), func(r rune) bool { return r != '_' && !unicode.IsLetter(r) })
	mentions := func(subjects []string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(subjects, word) })
	}
	if mentions(otherSubjects) {
		return false
	}
	return status == http.StatusUnauthorized || status == http.StatusForbidden || mentions(keySubjects)
}
