package api_test

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env"
)

// Pods mount the generated Secret by name, so the effective name cannot change,
// whether it is set or left to its default. Everything else can.
func TestUpdate(t *testing.T) {
	immutable := []string{"spec.secretName: ", "is immutable, because pods mount that Secret; create another BillingSession for another Secret"}
	rows := []struct {
		why           string
		before, after string
		refused       []string
	}{
		{why: "setting the default changes nothing", before: ``, after: `secretName: acme`},
		{why: "nor does leaving it out again", before: `secretName: acme`, after: ``},
		{why: "a name that is added takes the Secret from pods that mount the default", before: ``, after: `secretName: acme-billing`, refused: immutable},
		{why: "a name that is removed does so, too", before: `secretName: acme-billing`, after: ``, refused: immutable},
		{why: "and one that is changed", before: `secretName: acme-billing`, after: `secretName: acme-url`, refused: immutable},
		{why: "the key must not move into the generated Secret", before: `secretName: acme-billing`, after: `{secretName: acme-billing, apiKeySecretRef: {name: acme-billing}}`,
			refused: []string{"spec.secretName: ", "must not be the Secret that holds the API key"}},
		{why: "nor into the one of the default name", before: ``, after: `apiKeySecretRef: {name: acme}`,
			refused: []string{"spec.secretName: ", "must not be the Secret that holds the API key"}},
		{why: "the key may move elsewhere", before: ``, after: `apiKeySecretRef: {name: acme-key-2, key: xtracta}`},
		{why: "a life that is shortened below the margin would renew for ever", before: `renewBeforeSeconds: 480`, after: `{renewBeforeSeconds: 480, expirationSeconds: 599}`,
			refused: []string{"spec.renewBeforeSeconds: ", "must be at most 4/5 of `spec.expirationSeconds`"}},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			s := create(t, session(t, "acme", row.before))
			s.Object["spec"] = session(t, "acme", row.after).Object["spec"]
			checkRefusal(t, env.Kube(t).Update(t.Context(), s, client.FieldValidation("Strict")), row.refused)
		})
	}
}
