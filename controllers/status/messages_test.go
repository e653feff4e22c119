package status

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

func TestTheChangedInputsAreNamed(t *testing.T) {
	was := v1alpha1.Inputs{KeySecretResourceVersion: "1", Purge: "delete", ExpirationSeconds: 600, Endpoint: "https://a.example"}
	for want, change := range map[string]func(*v1alpha1.Inputs){
		"API key":                       func(i *v1alpha1.Inputs) { i.KeySecretResourceVersion = "2" },
		"purge mode":                    func(i *v1alpha1.Inputs) { i.KeySecretResourceVersion, i.Purge = "2", "" },
		"expiry":                        func(i *v1alpha1.Inputs) { i.ExpirationSeconds = 700 },
		"endpoint":                      func(i *v1alpha1.Inputs) { i.Endpoint = "https://b.example" },
		"purge mode and another expiry": func(i *v1alpha1.Inputs) { i.Purge, i.ExpirationSeconds = "process", 700 },
	} {
		is := was
		change(&is)
		if got := changedInputs(was, is); got != want {
			t.Errorf("another %s, want another %s", got, want)
		}
	}
}

// The message is all that a person reads before acting: it is about the reason beside it.
func TestMessageIsAboutItsReason(t *testing.T) {
	t.Parallel()
	const (
		noAnswer = "The endpoint gave no answer"
		expired  = "The URL has expired; the operator is asking for a new one"
		everyone = "The endpoint asked everyone with this API key to wait"
	)
	attempt := func(o v1alpha1.Outcome) *v1alpha1.Attempt {
		return &v1alpha1.Attempt{Outcome: o, Message: "the endpoint gave no answer"}
	}
	unavailable := attempt(v1alpha1.OutcomeUnavailable)
	for _, row := range []struct {
		why     string
		reason  string
		blocked string
		last    *v1alpha1.Attempt
		want    string
	}{
		{why: "until when it works", reason: v1alpha1.ReasonIssued, last: unavailable, want: "The URL is alive until 2030-01-01T00:00:00Z"},
		{why: "how to go on", reason: v1alpha1.ReasonSuspended, last: unavailable,
			want: "The session is suspended and no URL for its inputs is alive; set spec.suspend to false to go on"},
		{why: "what differs, and why it still does", reason: v1alpha1.ReasonInputsChanged, blocked: v1alpha1.ReasonUnavailable, last: unavailable,
			want: "The URL that is alive was issued for another expiry; the operator is asking for a new one. " + noAnswer},
		{why: "what holds up the next URL", reason: v1alpha1.ReasonExpired, blocked: v1alpha1.ReasonUnavailable, last: unavailable,
			want: expired + ". " + noAnswer},
		{why: "an earlier failure is not in the way any more", reason: v1alpha1.ReasonExpired, last: unavailable, want: expired},
		{why: "nobody has to act", reason: v1alpha1.ReasonQueued, last: unavailable, want: "The session waits for its turn to ask the endpoint"},
		{why: "whose the Secret is", reason: v1alpha1.ReasonSecretConflict, last: unavailable, want: "It is not ours"},
		{why: "which Secret is to go", reason: v1alpha1.ReasonAwaitingCollection, last: unavailable,
			want: `Secret "acme" belongs to a deleted session of the same name; waiting for garbage collection to remove it`},
		{why: "why it cannot be written", reason: v1alpha1.ReasonSecretWriteFailed, last: unavailable, want: "It cannot be written"},
		{why: "which key is missing", reason: v1alpha1.ReasonKeySecretMissing, last: unavailable, want: KeyProblem{}.message(renewal.KeyMissing)},
		{why: "which key cannot be read", reason: v1alpha1.ReasonKeySecretForbidden, last: unavailable, want: KeyProblem{}.message(renewal.KeyMissing)},
		{why: "which key is none", reason: v1alpha1.ReasonKeyInvalid, last: unavailable, want: KeyProblem{}.message(renewal.KeyMissing)},
		{why: "what the endpoint said", reason: v1alpha1.ReasonUnavailable, last: unavailable, want: noAnswer},
		{why: "also when it asked this session to wait", reason: v1alpha1.ReasonThrottled, last: attempt(v1alpha1.OutcomeThrottled), want: noAnswer},
		{why: "another session with the key was throttled", reason: v1alpha1.ReasonThrottled, last: unavailable, want: everyone},
		{why: "the same before any attempt", reason: v1alpha1.ReasonThrottled, want: everyone},
		{why: "a condition without a message is not valid", reason: v1alpha1.ReasonUnavailable, last: &v1alpha1.Attempt{}, want: everyone},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			in := &Input{
				SecretName: "acme",
				Facts:      renewal.Facts{Key: renewal.KeyMissing, Inputs: v1alpha1.Inputs{ExpirationSeconds: 700}, Last: row.last},
				Plan: renewal.Plan{Blocked: row.blocked, Active: &renewal.Grant{
					Expire: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), Inputs: v1alpha1.Inputs{ExpirationSeconds: 600},
				}},
				Problems: Problems{Secret: "It is not ours", Write: "It cannot be written"},
			}
			if got := message(in, row.reason); got != row.want {
				t.Errorf("says\n%s\nwant\n%s", got, row.want)
			}
		})
	}
}

// Each of these has a cure of its own. A person can only follow a sentence that names the object to
// change, and must never read what an admission plugin quotes: the URL.
func TestProblemsNameTheirCure(t *testing.T) {
	t.Parallel()
	const quoted = "https://example.com/?token=quoted"
	resource := schema.GroupResource{Resource: "secrets"}
	key := func(state renewal.KeyState, p KeyProblem) string {
		p.Namespace, p.Secret, p.Entry = "finance", "acme", "entry"
		return p.message(state)
	}
	held := func(finalizers ...string) *Input {
		return &Input{SecretName: "acme", Problems: Problems{Finalizers: finalizers}}
	}
	for _, row := range []struct {
		why  string
		got  string
		want []string
	}{
		{"there is no key", key(renewal.KeyMissing, KeyProblem{}), []string{"does not exist", `"entry"`}},
		{"the operator may not read the key, whatever it holds", key(renewal.KeyForbidden, KeyProblem{NoEntry: true}), []string{"Role", `"finance"`}},
		{"the key's Secret has other entries", key(renewal.KeyMissing, KeyProblem{NoEntry: true}),
			[]string{`has no entry "entry"`, "spec.apiKeySecretRef.key"}},
		{"somebody named the generated Secret as the key's", key(renewal.KeyInvalid, KeyProblem{GeneratedFor: "other"}),
			[]string{`BillingSession "other"`, "spec.apiKeySecretRef.name"}},
		{"a token of the cluster must not go to the endpoint", key(renewal.KeyInvalid, KeyProblem{Type: "kubernetes.io/tls"}),
			[]string{`"kubernetes.io/tls"`, "Opaque"}},
		{"the key was garbled", key(renewal.KeyInvalid, KeyProblem{Value: errors.New("it is empty")}), []string{`Entry "entry"`, "it is empty"}},
		{"nobody knows whose it is", ForeignSecret("acme"), []string{"not owned by this session", "spec.secretName"}},
		{"another session has it", SecretOfSession("acme", "other"), []string{`belongs to BillingSession "other"`, "spec.secretName"}},
		{"it is a copy of another session's", CopiedSecret("acme"), []string{"issued with its API key", "delete it if nobody needs it"}},
		{"a finalizer holds it", heldSecretMessage(held("example.com/a")), []string{"is being deleted", "a finalizer holds it (example.com/a)"}},
		{"many finalizers hold it", heldSecretMessage(held("a/1", "a/2", "a/3", "a/4")), []string{"holds it (a/1, a/2, a/3):"}},
		{"another session is about to have it", OlderClaimant("acme", "other"), []string{`BillingSession "other" is older`, "spec.secretName"}},
		{"a webhook alters it", AlteredSecret("acme"), []string{"could not be written. Something changes", "webhooks"}},
		{"another controller writes it", ContestedSecret("acme", ""), []string{"could not be written. Somebody else", "--show-managed-fields"}},
		{"another controller that has a name", ContestedSecret("acme", "kubed"), []string{"could not be written. Somebody else", `field manager "kubed"`}},
		{"one whose name could be a secret", ContestedSecret("acme", strings.Repeat("0f", 20)), []string{"--show-managed-fields"}},
		{"one whose name is an address", ContestedSecret("acme", "https://example.com"), []string{"--show-managed-fields"}},
		{"a quota or a missing permission", UnwrittenSecret("acme", apierrors.NewForbidden(resource, "acme", errors.New(quoted))),
			[]string{"The API server forbids it", "quota"}},
		{"a policy or an immutable Secret", UnwrittenSecret("acme", apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, quoted, nil)),
			[]string{"The API server finds it invalid", "immutable"}},
		{"a webhook that denies with code 400", UnwrittenSecret("acme", apierrors.NewBadRequest(quoted)),
			[]string{"The API server finds it invalid", "immutable"}},
		{"an overloaded API server", UnwrittenSecret("acme", apierrors.NewTooManyRequests(quoted, 1)),
			[]string{`The API server answered "TooManyRequests"; the operator tries again`}},
		{"no API server", UnwrittenSecret("acme", fmt.Errorf("dial: %s", quoted)), []string{"The API server gave no answer; the operator tries again"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			for _, want := range append(row.want, `Secret "acme"`) {
				if !strings.Contains(row.got, want) {
					t.Errorf("%s does not say %s", row.got, want)
				}
			}
			if strings.Contains(row.got, quoted) {
				t.Errorf("%s repeats the API server's message", row.got)
			}
		})
	}
}
