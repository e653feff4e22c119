package main

import (
	"cmp"
	"strconv"
	"strings"

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
	crowded  = noAction + " If it takes long, more sessions are due than the operator may ask for at a time (its flags --endpoint-qps and --concurrency)."

	// checkOperator goes on after "check".
	checkOperator = "that the operator runs (kubectl get pods -A -l app.kubernetes.io/name=billing-operator) " +
		"and serves this namespace (its flags --watch-namespaces and --watch-label-selector)."
)

// advices has the advice for each reason of the conditions. Words in braces stand for names of
// the session, see fill. Nothing but the reason decides: the endpoint's message is for people.
var advices = map[string]advice{
	"":                           {"", noAction},
	v1alpha1.ReasonQueued:        {"", crowded},
	v1alpha1.ReasonExpired:       {"", crowded},
	v1alpha1.ReasonInputsChanged: {"", crowded},
	v1alpha1.ReasonSuspended:     {"", "To have URLs requested again, run: {resume}"},
	v1alpha1.ReasonRejected: {"", "Correct what the problem names: the API key in entry {entry} of Secret {key}, or the session's spec. The operator asks " +
		"again as soon as either changes. If the cause is elsewhere, such as a proxy, have it mended and then run: {renew}"},
	v1alpha1.ReasonThrottled: {"", noAction + " The endpoint limits how often it may be asked with this API key, and nothing shortens the pause."},
	v1alpha1.ReasonUnavailable: {"", "Wait: the operator keeps asking. If this lasts for more than some minutes, check the way from the operator to the endpoint " +
		"(--endpoint-url, DNS, proxy, firewall, certificates), or ask Xtracta or your reseller."},
	v1alpha1.ReasonMalformed: {"", "If the problem names a setting of the operator, ask whoever runs the operator to correct it. Otherwise wait: the operator " +
		"keeps asking. If this lasts for more than some minutes, show the problem to Xtracta or your reseller."},
	v1alpha1.ReasonKeySecretMissing: {"The operator asks the endpoint for a URL as soon as there is an API key.",
		"Put the group's API key into entry {entry} of Secret {key} in namespace {namespace}, or correct spec.apiKeySecretRef. If another tool makes that Secret, " +
			"wait for it. The operator notices the key by itself."},
	v1alpha1.ReasonKeySecretForbidden: {"The operator tries to read the API key each minute.",
		"Show the problem to an administrator of the cluster. The operator notices by itself when it is mended."},
	v1alpha1.ReasonKeyInvalid: {"The operator asks the endpoint for a URL as soon as there is another API key.",
		"Correct entry {entry} of Secret {key}, or have spec.apiKeySecretRef name the entry that holds the API key. The operator notices the change by itself."},
	v1alpha1.ReasonSecretConflict: {"The operator asks the endpoint for a URL as soon as the name {secret} is free.",
		"Delete what has the name if nobody needs it: Secret {secret}, or the other session that makes it. The name of a session's Secret cannot be changed: to use another one, " +
			"delete this session and create one with another spec.secretName."},
	v1alpha1.ReasonSecretWriteFailed: {"The operator tries again to write Secret {secret}, within ten minutes.",
		"Show the problem to an administrator of the cluster. The operator notices by itself when it is mended."},
	v1alpha1.ReasonAwaitingCollection: {"The operator asks the endpoint for a URL as soon as Secret {secret} is gone.",
		noAction + " If it takes long, see what keeps the Secret: kubectl get secret {secret} -n {namespace} -o jsonpath='{.metadata.finalizers} {.metadata.ownerReferences}'"},
}

// fill puts the session's names into a text.
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
		"{resume}", e.cluster.advise("resume %s", e.Name),
		"{renew}", e.cluster.advise("renew %s --wait", e.Name),
	).Replace(text)
}

// asSentence adds a full stop unless the text ends with a mark.
func asSentence(text string) string {
	if text == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}
