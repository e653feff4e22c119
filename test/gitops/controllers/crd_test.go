package controllers

import (
	"os/exec"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// definition is a commit with config/crd as kustomize renders it.
func definition(s *stage) map[string]string {
	s.t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "config", "crd"))
	s.must(err)
	kustomize := exec.CommandContext(s.t.Context(), "go", "tool", "kustomize", "build", path)
	kustomize.Dir = filepath.Join(root, "hack", "tools")
	text, err := kustomize.Output()
	s.must(err)
	return map[string]string{"crd/crd.yaml": string(text)}
}

func (s *stage) definitionStays() {
	s.t.Helper()
	crd := object("apiextensions.k8s.io/v1", "CustomResourceDefinition")
	s.must(kube.Get(s.t.Context(), client.ObjectKey{Name: "billingsessions.billing.xtracta.com"}, crd))
	if crd.GetDeletionTimestamp() != nil {
		s.t.Error("the CustomResourceDefinition is being deleted")
	}
}
