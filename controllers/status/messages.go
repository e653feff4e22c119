package status

import (
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// message says in sentences what a reason is about, and the cure where there is one.
func message(in *Input, reason string) string {
	switch reason {
	case v1alpha1.ReasonIssued:
		return fmt.Sprintf("The URL is alive until %s", Timestamp(in.Plan.Active.Expire))
	case v1alpha1.ReasonSuspended:
		return "The session is suspended and no URL for its inputs is alive; set spec.suspend to false to go on"
	case v1alpha1.ReasonInputsChanged:
		return sentences(fmt.Sprintf("The URL that is alive was issued for another %s; the operator is asking for a new one",
			changedInputs(in.Plan.Active.Inputs, in.Facts.Inputs)), obstacleMessage(in, in.Plan.Blocked))
	case v1alpha1.ReasonExpired:
		return sentences("The URL has expired; the operator is asking for a new one", obstacleMessage(in, in.Plan.Blocked))
	}
	return obstacleMessage(in, reason)
}

// maxNamed is how many finalizers a message names.
const maxNamed = 3

// heldSecretMessage says who holds a Secret that is being deleted; empty when nobody does.
func heldSecretMessage(in *Input) string {
	held := in.Problems.Finalizers
	if len(held) == 0 {
		return ""
	}
	return fmt.Sprintf("Secret %q is being deleted, but a finalizer holds it (%s): once that is removed, the operator makes the Secret again",
		in.SecretName, strings.Join(held[:min(len(held), maxNamed)], ", "))
}

// obstacleMessage says in sentences what blocks a request, and the cure where there is one.
func obstacleMessage(in *Input, reason string) string {
	switch reason {
	case "":
		return ""
	case v1alpha1.ReasonQueued:
		return "The session waits for its turn to ask the endpoint"
	case v1alpha1.ReasonSecretConflict:
		return in.Problems.Secret
	case v1alpha1.ReasonAwaitingCollection:
		return fmt.Sprintf("Secret %q belongs to a deleted session of the same name; waiting for garbage collection to remove it", in.SecretName)
	case v1alpha1.ReasonSecretWriteFailed:
		return in.Problems.Write
	case v1alpha1.ReasonKeySecretMissing, v1alpha1.ReasonKeySecretForbidden, v1alpha1.ReasonKeyInvalid:
		return in.Problems.Key.message(in.Facts.Key)
	}
	last := in.Facts.Last
	if last == nil || last.Message == "" || reason == v1alpha1.ReasonThrottled && last.Outcome != v1alpha1.OutcomeThrottled {
		return "The endpoint asked everyone with this API key to wait"
	}
	return upperFirst(last.Message)
}

// changedInputs names the inputs that changed. The key is named only if nothing else has
// changed: its version also changes when somebody edits the labels of its Secret.
func changedInputs(before, after v1alpha1.Inputs) string {
	var changed []string
	if before.Purge != after.Purge {
		changed = append(changed, "purge mode")
	}
	if before.ExpirationSeconds != after.ExpirationSeconds {
		changed = append(changed, "expiry")
	}
	if before.Endpoint != after.Endpoint {
		changed = append(changed, "endpoint")
	}
	if len(changed) == 0 {
		return "API key"
	}
	return strings.Join(changed, " and another ")
}

// ForeignSecret says that a Secret of an unknown owner is in the way.
func ForeignSecret(secret string) string {
	return fmt.Sprintf("Secret %q exists and is not owned by this session, so it is left alone: "+
		"create a session with another spec.secretName, or delete the Secret if nobody needs it", secret)
}

// SecretOfSession says that the Secret of another session is in the way.
func SecretOfSession(secret, session string) string {
	return fmt.Sprintf("Secret %q belongs to BillingSession %q: create a session with another spec.secretName", secret, session)
}

// CopiedSecret says that a Secret that bears this session's labels is in the way.
func CopiedSecret(secret string) string {
	return fmt.Sprintf("Secret %q has this session's labels, but is not known to hold a URL that was issued with its API key, so it is left alone: "+
		"delete it if nobody needs it, or create a session with another spec.secretName", secret)
}

// OlderClaimant says that an older session claims the same Secret.
func OlderClaimant(secret, session string) string {
	return fmt.Sprintf("BillingSession %q is older and claims Secret %q as well: create a session with another spec.secretName", session, secret)
}

// KeyProblem is what is wrong with the Secret of the API key. At most one of the fields
// after Entry is set; without any, there is no such Secret.
type KeyProblem struct {
	Namespace, Secret, Entry string

	// NoEntry reports whether the Secret lacks the entry.
	NoEntry bool
	// GeneratedFor is the session that the Secret was generated for.
	GeneratedFor string
	// Type is the type of a Secret that holds another system's credentials.
	Type string
	// Value is why the value cannot be an API key.
	Value error
}

func (p KeyProblem) message(state renewal.KeyState) string {
	switch {
	case state == renewal.KeyForbidden:
		return fmt.Sprintf("Secret %q cannot be read: the operator's ServiceAccount needs a Role, bound in namespace %q, that allows it to get Secrets",
			p.Secret, p.Namespace)
	case p.NoEntry:
		return fmt.Sprintf("Secret %q has no entry %q: add it, or name another in spec.apiKeySecretRef.key", p.Secret, p.Entry)
	case p.GeneratedFor != "":
		return fmt.Sprintf("Secret %q holds the URL of BillingSession %q, not an API key: name the Secret with the API key in spec.apiKeySecretRef.name",
			p.Secret, p.GeneratedFor)
	case p.Type != "":
		return fmt.Sprintf("Secret %q is of type %q, which holds credentials of another system and is never sent: "+
			"put the API key into a Secret of type Opaque, and name that in spec.apiKeySecretRef.name", p.Secret, p.Type)
	case p.Value != nil:
		return fmt.Sprintf("Entry %q of Secret %q cannot be an API key: %v; put the key there as Xtracta gave it, or name another entry in spec.apiKeySecretRef.key",
			p.Entry, p.Secret, p.Value)
	}
	return fmt.Sprintf("Secret %q does not exist: create it with the API key in entry %q, or name another in spec.apiKeySecretRef", p.Secret, p.Entry)
}

// AlteredSecret says that the API server stored something else than was written.
func AlteredSecret(secret string) string {
	return notWritten(secret, "something changes what is written: exempt this Secret from the admission webhooks or policies that do")
}

// ContestedSecret says that somebody else keeps undoing the operator's writes of a Secret. The
// field manager is whoever changed it last, empty if that is not known.
func ContestedSecret(secret, manager string) string {
	const restored = "so the operator restores it less often: "
	if isPlainManager(manager) {
		return notWritten(secret, fmt.Sprintf("somebody else keeps changing it (the last was field manager %q), %smake that leave the Secret alone", manager, restored))
	}
	return notWritten(secret, "somebody else keeps changing it, "+restored+
		"find out who writes it (kubectl get secret --show-managed-fields tells), and make that leave the Secret alone")
}

// isPlainManager reports whether a field manager's name may be shown. Clients choose it, so it
// could be anything: only a name of plain characters, too short for a key or a URL, is.
func isPlainManager(name string) bool {
	plain := func(r rune) bool {
		return r == '-' || r == '.' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	return name != "" && len(name) < 32 && !strings.ContainsFunc(name, func(r rune) bool { return !plain(r) })
}

// UnwrittenSecret says why the API server refused to write a Secret. It does not repeat the
// API server's own message: an admission plugin may quote what it refused, and that holds
// the URL.
func UnwrittenSecret(secret string, err error) string {
	switch {
	case apierrors.IsForbidden(err):
		return notWritten(secret, "the API server forbids it: check the operator's permissions, the namespace's quota and its admission policies")
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return notWritten(secret, "the API server finds it invalid: check spec.secretTemplate, the namespace's admission policies, "+
			"and that the Secret is not marked immutable")
	}
	return notWritten(secret, DescribeAPIError(err)+"; the operator tries again")
}

func notWritten(secret, why string) string {
	return sentences(fmt.Sprintf("Secret %q could not be written", secret), why)
}

// DescribeAPIError names the kind of an API server's error, without its message.
func DescribeAPIError(err error) string {
	if reason := apierrors.ReasonForError(err); reason != metav1.StatusReasonUnknown {
		return fmt.Sprintf("the API server answered %q", reason)
	}
	return "the API server gave no answer"
}

// sentences joins the parts that are not empty.
func sentences(parts ...string) string {
	var nonEmpty []string
	for _, part := range parts {
		if part != "" {
			nonEmpty = append(nonEmpty, upperFirst(part))
		}
	}
	return strings.Join(nonEmpty, ". ")
}

// upperFirst takes no empty text.
func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// Timestamp is an instant as people and tools read it.
func Timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
