package controllers

import (
	"fmt"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// team are the commits of a team: its sessions and what mounts their Secrets.
func team(t *testing.T) map[string]string {
	t.Helper()
	samples := repositoryFiles(t, "config/samples")
	return map[string]string{
		"sessions/minimal.yaml": samples["config/samples/minimal.yaml"],
		"sessions/full.yaml":    samples["config/samples/full.yaml"],
		"apps/consumer.yaml":    samples["config/samples/consumer.yaml"],
	}
}

// One commit brings the definition, the operator, sessions and what mounts their Secrets.
func TestOperatorAndSessionsInOneKustomization(t *testing.T) {
	t.Parallel()
	s := newInstallation(t)
	s.must(s.startFlux(t.Context()))
	s.commit(repositoryFiles(t, "config"))
	s.declare(example(t, "flux/together.yaml", "Kustomization", "billing"), "path: ./config/flux/together")
	v := s.verdict("billing")
	s.works("acme")
	s.say("operator and sessions in one commit and one Kustomization", v, fmt.Sprintf("%d requests for three sessions", s.requests()))
	if v.Status != "True" || s.requests() != 3 {
		t.Errorf("%s; %d requests", v, s.requests())
	}
	s.unchanged("billing", 2)
}

// The operator and the sessions are declared at once, in Kustomizations that depend on each other.
// Then the operator comes from the chart, and from Kustomize again, as config/README.md says. Flux's
// helm-controller is not here: a Kustomization applies what Helm renders.
func TestOperatorFromKustomizeToTheChart(t *testing.T) {
	t.Parallel()
	s := newInstallation(t)
	s.must(s.startFlux(t.Context()))
	s.must(s.kube.Create(t.Context(), namespaceObject(s.namespace)))
	kustomization := func() { s.declare(example(t, "flux/operator/kustomize.yaml", "Kustomization", operatorName), "{}") }

	s.commit(team(t))
	s.declare(example(t, "flux/sync.yaml", "Kustomization", "finance-billing"), "dependsOn: [{name: billing-operator}]")
	s.declare(example(t, "flux/sync.yaml", "Kustomization", "finance-apps"), "{}")
	s.eventually("the sessions wait", func() bool { return s.ready(s.getKustomization("finance-billing")).Reason == "DependencyNotReady" })
	finance := s.revision
	s.commitTo(operatorName, repositoryFiles(t, "config"))
	kustomization()
	operator := s.verdict(operatorName)
	s.revision = finance
	v := s.verdict("finance-apps")
	s.works("acme")
	s.say("operator, sessions and what mounts their Secrets in one commit and three Kustomizations", v, fmt.Sprintf("%d requests for two sessions", s.requests()))
	if operator.Status != "True" || v.Status != "True" || s.requests() != 2 {
		t.Errorf("operator: %s; apps: %s; %d requests", operator, v, s.requests())
	}

	s.survives("from Kustomize to the chart", func() {
		s.orphan(operatorName)
		s.commitTo("chart", map[string]string{"chart/namespace.yaml": namespaceOfTheChart(t), "chart/operator.yaml": chart(t)})
		s.kustomization("chart", "{wait: true, sourceRef: {kind: GitRepository, name: chart}}")
		v = s.verdict("chart")
		if v.Status != "True" {
			t.Error(v)
		}
		s.say("the operator goes from Kustomize to the chart", v, "no request, no session that is not ready")
	})
	s.survives("from the chart to Kustomize", func() {
		s.orphan("chart")
		kustomization()
		v = s.reconcile(operatorName)
		if v.Status != "True" {
			t.Error(v)
		}
		s.say("the operator goes from the chart to Kustomize", v, "no request, no session that is not ready")
	})
	s.uncorrected(operatorName, 2)
}

// orphan deletes a Kustomization and leaves what it has applied.
func (s *stage) orphan(name string) {
	s.t.Helper()
	u := s.getKustomization(name)
	patch := `{"spec":{"deletionPolicy":"Orphan"}}`
	s.must(s.kube.Patch(s.t.Context(), u, client.RawPatch("application/merge-patch+json", []byte(patch))))
	s.must(s.kube.Delete(s.t.Context(), u))
	s.eventually("Kustomization "+name+" is gone", func() bool { return !s.exists(name) })
}

func namespaceOfTheChart(t *testing.T) string {
	t.Helper()
	text, err := yaml.Marshal(example(t, "flux/operator/helm.yaml", "Namespace", systemNamespace).Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
