package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// advice is what follows for people from a reason. The condition's own message says what
// is wrong, and mostly names the cure.
type advice struct {
	// next says what the operator waits for, if that is no point in time.
	next string
	toDo string
}

const (
	noAction = "Nothing needs to be done."
	crowded  = noAction + " If it takes long, more sessions are due than the operator may ask for at a time. " +
		"Its metric billingsession_queued_requests tells how many wait, and its flags --endpoint-qps and --concurrency can be raised."

	// renewalRejected is the advice for a rejection while a URL for today's inputs works.
	renewalRejected = "The endpoint accepted this API key and spec before, so find out what has changed: ask Xtracta or your reseller or, " +
		"if the problem says that something in between has answered, whoever runs that. A new API key goes into entry {entry} of Secret {key}; " +
		"the operator asks again as soon as it changes. If something else is mended, run: {renew}"

	// checkOperator goes on after "check".
	checkOperator = "that the operator runs (kubectl get pods -A -l app.kubernetes.io/name=billing-operator) " +
		"and serves this namespace (its flags --watch-namespaces and --watch-label-selector)."
)

// advices has the advice for each reason of the conditions. Words in braces stand for what
// differs between sessions, see fill. No message decides: those of the endpoint are for people.
var advices = map[string]advice{
	"":                           {"", noAction},
	v1alpha1.ReasonQueued:        {"", crowded},
	v1alpha1.ReasonExpired:       {"", crowded},
	v1alpha1.ReasonInputsChanged: {"", crowded},
	v1alpha1.ReasonSuspended:     {"", "Find out who suspended the session, and why. To have URLs requested again, then run: {resume}"},
	v1alpha1.ReasonRejected: {"", "Correct what the problem names: the API key in entry {entry} of Secret {key}, or the session's spec. The operator asks " +
		"again as soon as either changes. If the problem says that something in between has answered, leave both: have that mended, and then run: {renew}"},
	v1alpha1.ReasonThrottled: {"", noAction + " The endpoint limits how often it may be asked with this API key, and nothing shortens the pause."},
	v1alpha1.ReasonUnavailable: {"", "The operator keeps asking. If the endpoint answered, {wait} ask Xtracta or your reseller. If it did not, check now how the " +
		"operator reaches it: --endpoint-url, DNS, proxy, firewall, certificates."},
	v1alpha1.ReasonMalformed: {"", "The operator keeps asking. If the problem names a setting of the operator, ask whoever runs the operator to correct it. " +
		"Otherwise {wait} show the problem to Xtracta or your reseller."},
	v1alpha1.ReasonKeySecretMissing: {"The operator asks the endpoint for a URL as soon as there is an API key.",
		"Put the group's API key into entry {entry} of Secret {key} in namespace {namespace}, or correct spec.apiKeySecretRef. If another tool makes that Secret, " +
			"wait for it. The operator notices the key by itself."},
	v1alpha1.ReasonKeySecretForbidden: {"The operator tries to read the API key each minute.",
		"Show the problem to an administrator of the cluster. The operator notices by itself when it is mended."},
	v1alpha1.ReasonKeyInvalid: {"The operator asks the endpoint for a URL as soon as there is another API key.",
		"Correct entry {entry} of Secret {key}, or have spec.apiKeySecretRef name the entry that holds the API key. The operator notices the change by itself."},
	v1alpha1.ReasonSecretConflict: {"The operator asks the endpoint for a URL as soon as the name {secret} is free.",
		"See whose the Secret is (kubectl get secret {secret} -n {namespace} -o jsonpath='{.metadata.ownerReferences} {.metadata.labels}'). Only if nobody needs it, " +
			"delete what has the name: Secret {secret}, or the other session that makes it. The name of a session's Secret cannot be changed: " +
			"to use another one, delete this session and create one with another spec.secretName."},
	v1alpha1.ReasonSecretWriteFailed: {"The operator tries again to write Secret {secret}, within ten minutes.",
		"Show the problem to an administrator of the cluster. The operator notices by itself when it is mended."},
	v1alpha1.ReasonAwaitingCollection: {"The operator asks the endpoint for a URL as soon as Secret {secret} is gone.",
		noAction + " If it takes long, see what keeps the Secret: kubectl get secret {secret} -n {namespace} -o jsonpath='{.metadata.finalizers} {.metadata.ownerReferences}'"},
}

// advice is what follows from the cause.
func (e explanation) advice() string {
	text := advices[e.cause].toDo
	switch {
	case e.cause == v1alpha1.ReasonRejected && e.failing != nil:
		text = renewalRejected
	case e.cause == v1alpha1.ReasonKeySecretMissing && conditionOf(e.BillingSession, v1alpha1.ConditionReconciling) != nil:
		text = fmt.Sprintf("Until %s the Secret may still be on its way. %s", formatTime(e.CreationTimestamp.Add(keyGrace)), text)
	case e.hasExpired():
		text = strings.TrimPrefix(text, noAction+" ")
	}
	return e.fill(text)
}

// keyGrace is the age of a session up to which the operator takes a missing key for late.
const keyGrace = 2 * time.Minute

// patience says until when to wait for the endpoint before asking for help. While a URL works,
// that is for half of the life that it had when the failures began, an hour at most.
func (e explanation) patience() string {
	expires, since := expiryOf(e.BillingSession), cmp.Or(e.failing, e.ready).LastTransitionTime
	until := since.Add(min(expires.Sub(since.Time)/2, time.Hour))
	switch {
	case expires.IsZero():
		return "wait for five minutes; if there is no URL by then,"
	case e.now.Before(until):
		return fmt.Sprintf("wait until %s; if there is no new URL by then,", formatTime(until))
	}
	return "do not wait, but"
}

// fill puts what differs between sessions into a text. The commands name the namespace, as
// what explain prints is pasted to others.
func (e explanation) fill(text string) string {
	secret, ref := e.Name, e.Spec.APIKeySecretRef
	if e.Spec.SecretName != nil {
		secret = *e.Spec.SecretName
	}
	return strings.NewReplacer(
		"{namespace}", e.Namespace,
		"{secret}", strconv.Quote(secret),
		"{key}", strconv.Quote(ref.Name),
		"{entry}", strconv.Quote(cmp.Or(ref.Key, v1alpha1.DefaultAPIKeySecretKey)),
		"{wait}", e.patience(),
		"{resume}", fmt.Sprintf("kubectl billing resume %s -n %s", e.Name, e.Namespace),
		"{renew}", fmt.Sprintf("kubectl billing renew %s --wait -n %s", e.Name, e.Namespace),
	).Replace(text)
}

// asSentence adds a full stop unless the text ends with a mark.
func asSentence(text string) string {
	if text == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}
