package controllers

import (
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// definition is a commit with config/crd as kustomize renders it.
func definition(s *stage) map[string]string {
	s.t.Helper()
	text, err := render(s.t.Context(), "crd")
	s.must(err)
	return map[string]string{"crd/crd.yaml": text}
}

func (s *stage) definitionStays() {
	s.t.Helper()
	crd := object("apiextensions.k8s.io/v1", "CustomResourceDefinition")
	s.must(s.kube.Get(s.t.Context(), client.ObjectKey{Name: "billingsessions.billing.xtracta.com"}, crd))
	if crd.GetDeletionTimestamp() != nil {
		s.t.Error("the CustomResourceDefinition is being deleted")
	}
}
