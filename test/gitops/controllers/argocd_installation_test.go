//go:build gitops

package controllers

import (
	"maps"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// argoInstallation is an installation with an Argo CD of its own.
func argoInstallation(t *testing.T) *stage {
	t.Helper()
	needRedis(t)
	s := newInstallation(t)
	s.startArgoCD()
	return s
}

// declareApplication applies an example, which finds its files in the stage's repository.
func (s *stage) declareApplication(path, name, folder string) {
	s.T.Helper()
	u := example(s.T, path, "Application", name)
	source, _, err := unstructured.NestedMap(u.Object, "spec", "source")
	s.Must(err)
	source["repoURL"], source["targetRevision"], source["path"] = "file://"+s.repository, "main", folder
	delete(source, "chart") // it is in the folder
	s.declare(u, map[string]any{"source": source})
	if !slices.Contains(s.applications, name) {
		s.applications = append(s.applications, name)
	}
}

// installed waits until an Application is healthy with what it finds in a folder.
func (s *stage) installed(name, folder string) {
	s.T.Helper()
	s.appReaches(name, func(u *unstructured.Unstructured, v appVerdict) bool {
		return statusOf(u, "sync", "comparedTo", "source", "path") == folder &&
			statusOf(u, "operationState", "syncResult", "source", "path") == folder && v.good()
	})
}

// One commit brings the definition, the operator, sessions and what mounts their Secrets.
func TestArgoCDInstallsOperatorAndSessionsTogether(t *testing.T) {
	t.Parallel()
	s := argoInstallation(t)
	s.push(repositoryFiles(t, "config"))
	s.declareApplication("argocd/together/application.yaml", "billing", "config/argocd/together")
	s.installed("billing", "config/argocd/together")
	s.works("acme")
	if s.requests() != 3 {
		t.Errorf("%d requests for three sessions", s.requests())
	}
	s.staysSynced("billing", 2)
}

// The operator and the sessions are declared at once, in Applications that know nothing of each other.
// Then the operator comes from the chart, and from Kustomize again, as config/README.md says.
func TestArgoCDMovesTheOperatorToTheChart(t *testing.T) {
	t.Parallel()
	const fromKustomize, fromChart = "config/default", "config/chart"
	s := argoInstallation(t)
	s.createNamespace(s.Namespace)
	files := repositoryFiles(t, "config")
	maps.Copy(files, team(t))
	s.push(files)
	s.declareApplication("argocd/application.yaml", "finance-billing", "sessions")
	move := func(example, folder string) {
		s.declareApplication("argocd/operator/"+example, operatorName, folder)
		s.installed(operatorName, folder)
	}
	move("kustomize.yaml", fromKustomize)
	s.installed("finance-billing", "sessions")
	s.works("acme")
	if s.requests() != 2 {
		t.Errorf("%d requests for two sessions", s.requests())
	}
	s.survives("from Kustomize to the chart", func() { move("helm.yaml", fromChart) })
	s.survives("from the chart to Kustomize", func() { move("kustomize.yaml", fromKustomize) })
	s.staysSynced(operatorName, 2)
	s.staysSynced("finance-billing", 2)
}
