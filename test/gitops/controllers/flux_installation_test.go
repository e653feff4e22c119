//go:build gitops

package controllers

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
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

// The operator and the sessions are declared at once, in Kustomizations that depend on each other.
// Then the operator comes from the chart, and from Kustomize again, as config/README.md says. Flux's
// helm-controller is not here: a Kustomization applies what Helm renders.
func TestFluxMovesTheOperatorToTheChart(t *testing.T) {
	t.Parallel()
	s := newInstallation(t, fluxDefinitions(t)...)
	s.startFlux()
	s.createNamespace(s.Namespace)
	fromKustomize := func() { s.declare(example(t, "flux/operator/kustomize.yaml", "Kustomization", operatorName), nil) }

	s.commit(team(t))
	s.declare(example(t, "flux/sync.yaml", "Kustomization", "finance-billing"), map[string]any{"dependsOn": []any{map[string]any{"name": operatorName}}})
	s.declare(example(t, "flux/sync.yaml", "Kustomization", "finance-apps"), nil)
	s.until("the sessions wait", func() bool {
		return conditionOf(s.getKustomization("finance-billing"), "Ready").Reason == "DependencyNotReady"
	})
	s.commitTo(operatorName, repositoryFiles(t, "config"))
	fromKustomize()
	s.succeeds("finance-apps")
	s.works("acme")
	if s.requests() != 2 {
		t.Errorf("%d requests for two sessions", s.requests())
	}

	s.survives("from Kustomize to the chart", func() {
		s.orphan(operatorName)
		s.commitTo("chart", chart(t))
		s.kustomization("chart", "sourceRef: {kind: GitRepository, name: chart}")
		s.expectReady("chart")
	})
	s.survives("from the chart to Kustomize", func() {
		s.orphan("chart")
		fromKustomize()
		s.expectReady(operatorName)
	})
	s.uncorrected(operatorName, 2)
}

func (s *stage) expectReady(name string) {
	s.T.Helper()
	if v := s.reconcile(name); v.Status != "True" {
		s.T.Errorf("%s: %+v", name, v)
	}
}

// orphan deletes a Kustomization and leaves what it has applied.
func (s *stage) orphan(name string) {
	s.T.Helper()
	u := s.getKustomization(name)
	s.mergePatch(u, `{"spec":{"deletionPolicy":"Orphan"}}`)
	s.Delete(u)
	s.until("Kustomization "+name+" is gone", func() bool {
		return apierrors.IsNotFound(s.kube.Get(s.T.Context(), client.ObjectKeyFromObject(u), u))
	})
}
