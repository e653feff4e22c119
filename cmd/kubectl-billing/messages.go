package main

import (
	"strings"

	"github.com/xtracta/billing-operator/controllers/renewal"
)

// ruleMessages explains each rule of the decision: what it means if the rule holds, and
// what if it does not.
var ruleMessages = map[renewal.Rule]struct{ holds, passed string }{
	renewal.RuleSecretIsForeign: {
		"The name of its Secret is taken by a Secret that it does not own, or by an older session. The controller never touches that Secret, and spends no request.",
		"No other Secret or session has taken the name of its Secret.",
	},
	renewal.RuleSecretAwaitsCollection: {
		"The Secret belongs to a deleted session of the same name, and garbage collection will remove it.",
		"No Secret of a deleted session of the same name is left.",
	},
	renewal.RuleKeyMayHaveChanged: {
		"The Secret with the API key has changed and must be read again.",
		"The API key has not changed since it was read.",
	},
	renewal.RuleGrantIsUnsaved: {
		"A granted URL is not in the Secret yet.",
		"No granted URL waits to be written, as far as this program can see.",
	},
	renewal.RuleSecretIsGoneOrEdited: {
		"The Secret is gone or was edited, and the status still has the URL.",
		"The Secret need not be restored.",
	},
	renewal.RuleSecretHasDrifted: {
		"Labels, annotations or owner of the Secret differ from what they should be.",
		"The labels, annotations and owner of the Secret are as they should be.",
	},
	renewal.RuleSuspended: {
		"The session is suspended: the controller spends no request, and an issued URL works until it expires.",
		"The session is not suspended.",
	},
	renewal.RuleSecretCannotBeWritten: {
		"The last write of the Secret failed, so the controller spends no request on a URL that it could not store.",
		"Nothing indicates that the Secret cannot be written.",
	},
	renewal.RuleNothingToDo: {
		"The URL works, was issued for the current inputs, and is not due for renewal.",
		"", // the cause of the request explains it
	},
	renewal.RuleKeyIsNeeded: {
		"There is no API key to send.",
		"There is an API key.",
	},
	renewal.RuleAskedJustNow: {
		"The controller never asks twice within ten seconds for one session.",
		"No request was made in the last ten seconds, as far as this program can see.",
	},
	renewal.RuleKeyIsPaused: {
		"The endpoint told all sessions with this API key to wait.",
		"The endpoint has not told the sessions with this API key to wait.",
	},
	renewal.RuleRetryIsNotDue: {
		"The last request failed, and the wait before the next one is not over.",
		"No failed request delays the next one.",
	},
	renewal.RuleAwaitsItsTurn: {
		"The endpoint's limits are used up, and the session waits for its turn.",
		"Whether the session waits for its turn, only the controller knows.",
	},
	renewal.RuleAsk: {
		"Nothing prevents a request.",
		"",
	},
}

// causeMessages explains why the controller wants a URL.
var causeMessages = map[renewal.Cause]string{
	renewal.NoCause:       "",
	renewal.NoneAlive:     "The controller wants a URL because none works.",
	renewal.InputsChanged: "The controller wants a URL because the current one was issued for an earlier API key, purge mode, expiry or endpoint.",
	renewal.RenewalDue:    "The controller wants a URL because the current one is due for renewal.",
	renewal.Requested:     "The controller wants a URL because somebody requested a fresh one.",
}

// join joins the sentences that are not empty.
func joinSentences(sentences ...string) string {
	var parts []string
	for _, sentence := range sentences {
		if sentence != "" {
			parts = append(parts, sentence)
		}
	}
	return strings.Join(parts, " ")
}

// asSentence adds a full stop unless the text ends with a mark.
func asSentence(text string) string {
	if text == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}
