package controllers

import (
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/test/fixtures"
)

// Argo CD's health of an Application in each situation. The test writes the status.
func TestArgoCDSituations(t *testing.T) {
	t.Parallel()
	needArgoCD(t)
	for _, row := range fixtures.Situations(t) {
		t.Run(row.Situation, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.push(map[string]string{"billing/session.yaml": declared(s, row, "acme")})
			s.application("billing", automated)
			s.appVerdict("billing")
			s.pretend("acme", row.Session)
			s.appBecomes("billing", row.ArgoCD, func(v appVerdict) bool { return v.Health == row.ArgoCD })
			// Argo CD sees at once that a health changes, but not that only its message does.
			s.compare("billing")
			v := s.appBecomes("billing", row.Says, func(v appVerdict) bool { return strings.Contains(v.Message, row.Says) })
			s.sayArgoCD(row.Situation, v, row.ArgoCD)
			if v.Sync != "Synced" || v.Health != row.ArgoCD {
				t.Errorf("Argo CD says: %s", v)
			}
		})
	}
}
