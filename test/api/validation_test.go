package api_test

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// A row of this table is what somebody types under spec. A refusal must name the
// field and say what to do instead.
func TestValidation(t *testing.T) {
	const (
		reserved = "must not have keys under 'billing.xtracta.com/', 'kubernetes.io/' (other than 'app.kubernetes.io/'), 'k8s.io/' and 'argoproj.io/', which are reserved; use a prefix of your own"
		own      = "must not have the keys 'app.kubernetes.io/managed-by' and 'app.kubernetes.io/instance', which are reserved: the operator sets the first, and Argo CD prunes what bears the second; use another key"
	)
	rows := []struct {
		why     string
		name    string // of the resource; acme when empty
		spec    string
		refused []string // parts of the refusal; accepted when none
	}{
		{why: "a key is all that must be said"},
		{why: "everything may be said", spec: `
apiKeySecretRef: {name: acme-key, key: xtracta.key_1}
purge: process
expirationSeconds: 600
renewBeforeSeconds: 200
secretName: acme-billing
secretTemplate: {labels: {team: finance}, annotations: {example.com/note: "any text: at all"}}
urlInStatus: Hidden
suspend: true`},

		{why: "without a key there is no URL", spec: `apiKeySecretRef: null`,
			refused: []string{"spec.apiKeySecretRef: Required value"}},
		{why: "a reference must say which Secret", spec: `apiKeySecretRef: {key: api-key}`,
			refused: []string{"spec.apiKeySecretRef.name: Required value"}},
		{why: "an empty name is a templating accident", spec: `apiKeySecretRef: {name: ""}`,
			refused: []string{"spec.apiKeySecretRef.name: ", "must be the name of a Secret: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit"}},
		{why: "one more is too many", spec: `apiKeySecretRef: {name: ` + strings.Repeat("k", 254) + `}`,
			refused: []string{"spec.apiKeySecretRef.name: Too long: may not be more than 253"}},
		{why: "an empty entry is a templating accident", spec: `apiKeySecretRef: {name: acme-key, key: ""}`,
			refused: []string{"spec.apiKeySecretRef.key: ", "must be the name of an entry of the Secret: letters, digits, '-', '_' and '.', not empty and not beginning with '..'; or leave it out to use 'api-key'"}},
		{why: "a mounted Secret keeps names that begin with two dots to itself", spec: `apiKeySecretRef: {name: acme-key, key: ..data}`,
			refused: []string{"spec.apiKeySecretRef.key: ", "must be the name of an entry of the Secret"}},

		{why: "the wire knows no other word", spec: `purge: discard`,
			refused: []string{`spec.purge: Unsupported value: "discard": supported values: "delete", "process"`}},

		{why: "less than a minute is over before a pod sees it", spec: `expirationSeconds: 59`,
			refused: []string{"spec.expirationSeconds: Invalid value: 59: ", "should be greater than or equal to 60"}},
		{why: "the endpoint grants no more than three days", spec: `expirationSeconds: 259201`,
			refused: []string{"spec.expirationSeconds: Invalid value: 259201: ", "should be less than or equal to 259200"}},

		{why: "no margin means that the URL expires first", spec: `renewBeforeSeconds: 0`,
			refused: []string{"spec.renewBeforeSeconds: Invalid value: 0: ", "should be greater than or equal to 1"}},
		{why: "four fifths of the default life", spec: `renewBeforeSeconds: 480`},
		{why: "a second over four fifths of the default life", spec: `renewBeforeSeconds: 481`,
			refused: []string{"spec.renewBeforeSeconds: Invalid value: ", "must be at most 4/5 of `spec.expirationSeconds`; lower it, raise `spec.expirationSeconds`, or leave it out for a margin that fits"}},
		{why: "the largest number is refused, not wrapped around", spec: `renewBeforeSeconds: 2147483647`,
			refused: []string{"spec.renewBeforeSeconds: ", "must be at most 4/5 of `spec.expirationSeconds`"}},

		{why: "a label's value ends at 63 characters, and so does the name", name: strings.Repeat("a", 63)},
		{why: "one more would not fit the label", name: strings.Repeat("a", 64),
			refused: []string{"`metadata.name` must be at most 63 characters, because it becomes a label of the generated Secret; choose a shorter name"}},

		{why: "an empty name is a templating accident", spec: `secretName: ""`,
			refused: []string{"spec.secretName: ", "must be the name of a Secret: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit; or leave it out to use `metadata.name`"}},

		{why: "the key's Secret would be overwritten", spec: `{apiKeySecretRef: {name: acme-key}, secretName: acme-key}`,
			refused: []string{"spec.secretName: ", "must not be the Secret that holds the API key; set `spec.secretName` to another name"}},
		{why: "the key's Secret would be overwritten, by the default name", spec: `apiKeySecretRef: {name: acme}`,
			refused: []string{"spec.secretName: ", "must not be the Secret that holds the API key; set `spec.secretName` to another name"}},
		{why: "the resource may be named as its key when the Secret is not", spec: `{apiKeySecretRef: {name: acme}, secretName: acme-billing}`},
		{why: "the default name may be said", spec: `secretName: acme`},

		{why: "16 labels are enough", spec: `secretTemplate: {labels: ` + pairs(17) + `}`,
			refused: []string{"spec.secretTemplate.labels: Too many: ", "must have at most 16 items"}},
		{why: "and 16 annotations", spec: `secretTemplate: {annotations: ` + pairs(17) + `}`,
			refused: []string{"spec.secretTemplate.annotations: Too many: ", "must have at most 16 items"}},

		{why: "our own labels are not to be forged", spec: `secretTemplate: {labels: {billing.xtracta.com/session: other}}`,
			refused: []string{"spec.secretTemplate.labels: ", reserved}},
		{why: "managed-by is ours to say", spec: `secretTemplate: {labels: {app.kubernetes.io/managed-by: Helm}}`,
			refused: []string{"spec.secretTemplate.labels: ", own}},

		{why: "a label's value has no blanks", spec: `secretTemplate: {labels: {team: the finance team}}`,
			refused: []string{"spec.secretTemplate.labels[team]: ", "must be a label value: up to 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit"}},
		{why: "a label's value ends at 63 characters", spec: `secretTemplate: {labels: {team: ` + strings.Repeat("v", 64) + `}}`,
			refused: []string{"spec.secretTemplate.labels.team: Too long: may not be more than 63"}},
		{why: "a label's value is text, which YAML's true is not", spec: `secretTemplate: {labels: {enabled: true}}`,
			refused: []string{"spec.secretTemplate.labels.enabled: ", "must be of type string"}},
		{why: "a label's name has no blanks", spec: `secretTemplate: {labels: {the team: finance}}`,
			refused: []string{"spec.secretTemplate.labels: ", "each key must be a label name: up to 63 letters, digits, '-', '_' and '.', with an optional DNS prefix and a slash before it"}},
		{why: "an annotation's name has no blanks", spec: `secretTemplate: {annotations: {the team: finance}}`,
			refused: []string{"spec.secretTemplate.annotations: ", "each key must be an annotation name: up to 63 letters, digits, '-', '_' and '.', with an optional DNS prefix and a slash before it"}},
		{why: "an annotation's value ends at 512 characters", spec: `secretTemplate: {annotations: {note: ` + strings.Repeat("v", 513) + `}}`,
			refused: []string{"spec.secretTemplate.annotations.note: Too long: may not be more than 512"}},

		{why: "the URL is shown or it is not", spec: `urlInStatus: Masked`,
			refused: []string{`spec.urlInStatus: Unsupported value: "Masked": supported values: "Full", "Hidden"`}},
		{why: "a field that is mistyped must not be dropped in silence", spec: `renewBefore: 60`,
			refused: []string{`unknown field "spec.renewBefore"`}},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			name := row.name
			if name == "" {
				name = "acme"
			}
			s := session(t, name, row.spec)
			err := env.Kube(t).Create(t.Context(), s, client.DryRunAll, client.FieldValidation("Strict"))
			checkRefusal(t, err, row.refused)
		})
	}
}

// checkRefusal checks the API server's answer for the parts of the refusal that is due.
func checkRefusal(t *testing.T, err error, refused []string) {
	t.Helper()
	if len(refused) == 0 {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
		t.Fatalf("the answer is %v, want a refusal that says %q", err, refused)
	}
	t.Log(err)
	for _, part := range refused {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the refusal does not say %q:\n%v", part, err)
		}
	}
}

// pairs returns n keys with values as a YAML mapping.
func pairs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "key-%d: value, ", i)
	}
	return "{" + b.String() + "}"
}
