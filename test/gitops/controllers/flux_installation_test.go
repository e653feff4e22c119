//go:build gitops

package controllers

import (
	"testing"
)

// One commit brings the definition, the operator, sessions and what mounts their Secrets.
func TestFluxInstallsOperatorAndSessionsTogether(t *testing.T) {
	t.Parallel()
	s := newInstallation(t, fluxDefinitions(t)...)
	s.startFlux()
	s.commit(repositoryFiles(t, "config"))
	s.declare(example(t, "flux/together.yaml", "Kustomization", "billing"), map[string]any{"path": "./config/flux/together"})
	v := s.verdict("billing")
	s.works("acme")
	if v.Status != "True" || s.requests() != 3 {
		t.Errorf("%+v; %d requests for three sessions", v, s.requests())
	}
	s.uncorrected("billing", 2)
}
