package controllers

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// argoInstallation is an installation with an Argo CD of its own.
func argoInstallation(t *testing.T) *stage {
	t.Helper()
	needRedis(t)
	s := newInstallation(t)
	_, err := s.argoCD()
	s.must(err)
	return s
}

// declareApplication applies an example, which finds its files in the stage's repository.
func (s *stage) declareApplication(path, name, folder string) {
	s.t.Helper()
	u := example(s.t, path, "Application", name)
	source, _, err := unstructured.NestedMap(u.Object, "spec", "source")
	s.must(err)
	source["repoURL"], source["targetRevision"], source["path"] = "file://"+s.repository, "main", folder
	delete(source, "chart") // it is in the folder
	s.must(unstructured.SetNestedMap(u.Object, source, "spec", "source"))
	s.declare(u, "{}")
	if !slices.Contains(s.applications, name) {
		s.applications = append(s.applications, name)
	}
}

// appInstalled waits until an Application is healthy with what it finds in a folder.
func (s *stage) appInstalled(name, folder string) (v appVerdict) {
	s.t.Helper()
	s.eventually(name+" is healthy with "+folder, func() bool {
		u := s.getApplication(name)
		compared, _, _ := unstructured.NestedString(u.Object, "status", "sync", "comparedTo", "source", "path")
		applied, _, _ := unstructured.NestedString(u.Object, "status", "operationState", "syncResult", "source", "path")
		v = s.appReads(u)
		return compared == folder && applied == folder && v.good()
	})
	v.Took = time.Since(s.committed)
	return v
}

// One commit brings the definition, the operator, sessions and what mounts their Secrets.
func TestArgoCDOperatorAndSessionsInOneApplication(t *testing.T) {
	t.Parallel()
	s := argoInstallation(t)
	s.push(repositoryFiles(t, "config"))
	s.declareApplication("argocd/together/application.yaml", "billing", "config/argocd/together")
	s.appVerdict("billing")
	s.works("acme")
	v := s.appBecomes("billing", "healthy", appVerdict.good)
	s.sayArgoCD("operator and sessions in one commit and one Application", v, fmt.Sprintf("%d requests for three sessions", s.requests()))
	if s.requests() != 3 {
		t.Errorf("%d requests", s.requests())
	}
	s.staysSynced("billing", 2)
}

// The operator and the sessions are declared at once, in Applications that know nothing of each other.
// Then the operator comes from the chart, and from Kustomize again, as config/README.md says.
func TestArgoCDOperatorFromKustomizeToTheChart(t *testing.T) {
	t.Parallel()
	const fromKustomize, fromChart = "config/default", "config/chart"
	s := argoInstallation(t)
	s.must(s.kube.Create(t.Context(), namespaceObject(s.namespace)))
	files := repositoryFiles(t, "config")
	for path, text := range team(t) {
		files[path] = text
	}
	s.push(files)
	s.declareApplication("argocd/application.yaml", "finance-billing", "sessions")
	s.declareApplication("argocd/operator/kustomize.yaml", operatorName, fromKustomize)
	operator := s.appInstalled(operatorName, fromKustomize)
	v := s.appInstalled("finance-billing", "sessions")
	s.works("acme")
	s.sayArgoCD("operator and sessions in one commit and two Applications", v, fmt.Sprintf("%d requests for two sessions; the operator: %s", s.requests(), operator))
	if s.requests() != 2 {
		t.Errorf("%d requests", s.requests())
	}

	s.survives("from Kustomize to the chart", func() {
		s.committed = time.Now()
		s.declareApplication("argocd/operator/helm.yaml", operatorName, fromChart)
		v = s.appInstalled(operatorName, fromChart)
		s.sayArgoCD("the operator goes from Kustomize to the chart", v, "no request, no session that is not ready")
	})
	s.survives("from the chart to Kustomize", func() {
		s.committed = time.Now()
		s.declareApplication("argocd/operator/kustomize.yaml", operatorName, fromKustomize)
		v = s.appInstalled(operatorName, fromKustomize)
		s.sayArgoCD("the operator goes from the chart to Kustomize", v, "no request, no session that is not ready")
	})
	s.staysSynced(operatorName, 2)
	s.staysSynced("finance-billing", 2)
}
