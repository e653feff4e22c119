package main

import (
	"strings"

	"github.com/xtracta/billing-operator/controllers/renewal"
)

// ruleWords say for each rule of the decision what it means that it holds, and that
// it does not.
var ruleWords = map[string]struct{ holds, passed string }{
	"SecretIsForeign": {
		"The name of its Secret is taken, by a Secret that it does not own or by an older session: that is never touched, and no request is spent.",
		"No Secret of somebody else is in the way.",
	},
	"SecretAwaitsCollection": {
		"The Secret belongs to a deleted session of the same name, and garbage collection will remove it.",
		"No Secret of a deleted session is in the way.",
	},
	"KeyMayHaveChanged": {
		"The Secret with the API key has changed, and what it holds now has to be read.",
		"The API key is known as it is now.",
	},
	"GrantIsUnwritten": {
		"A URL was granted that is not in the Secret yet.",
		"No granted URL waits to be written, as far as can be seen from here.",
	},
	"SecretIsGoneOrEdited": {
		"The Secret is gone or was edited, and the status still holds the URL.",
		"The Secret needs no restoring.",
	},
	"SecretIsUntidy": {
		"Labels or annotations of the Secret are not as they should be.",
		"The labels and annotations of the Secret are in order.",
	},
	"Suspended": {
		"The session is suspended: no request is spent, and what was issued stays until it expires.",
		"The session is not suspended.",
	},
	"SecretCannotBeWritten": {
		"The last write of the Secret failed, and no request is spent on a URL that could not be kept.",
		"Nothing tells that the Secret cannot be written.",
	},
	"NothingToDo": {
		"The URL is alive, was issued for today's inputs, and is not due for renewal.",
		"", // the cause says it
	},
	"KeyIsNeeded": {
		"There is no API key that could be sent.",
		"There is an API key.",
	},
	"AskedJustNow": {
		"One session never asks twice within ten seconds.",
		"No request of the last ten seconds is known.",
	},
	"KeyIsPaused": {
		"The endpoint asked everyone with this API key to wait.",
		"The endpoint has not asked everyone with this API key to wait.",
	},
	"RetryIsNotDue": {
		"The last request failed, and the wait after it is not over.",
		"No wait after a failed request is running.",
	},
	"Ask": {
		"Nothing is in the way.",
		"",
	},
}

// causeWords say why a URL is wanted.
var causeWords = map[renewal.Cause]string{
	renewal.NoCause:       "",
	renewal.NoneAlive:     "A URL is wanted because none is alive.",
	renewal.InputsChanged: "A URL is wanted because the one that is alive was issued for other inputs (API key, purge, expiry or endpoint).",
	renewal.RenewalDue:    "A URL is wanted because the one that is alive is due for renewal.",
	renewal.Requested:     "A URL is wanted because somebody asked for a fresh one.",
}

// join makes one text of sentences, some of which may be empty.
func join(sentences ...string) string {
	var said []string
	for _, sentence := range sentences {
		if sentence != "" {
			said = append(said, sentence)
		}
	}
	return strings.Join(said, " ")
}

// asSentence ends a text as a sentence ends.
func asSentence(text string) string {
	if text == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}
