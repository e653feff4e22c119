package controllers

import (
	"fmt"
	"testing"
)

const automated = "syncPolicy: {automated: {prune: true, selfHeal: true}}\n"

func TestArgoCDLife(t *testing.T) {
	t.Parallel()
	needArgoCD(t)
	s := newStage(t)
	s.push(files("billing"))
	s.application("billing", automated)
	v := s.appVerdict("billing")
	s.works("acme")
	v = s.appBecomes("billing", "healthy", appVerdict.good)
	s.sayArgoCD("key and session in one commit", v, fmt.Sprintf("%d request", s.requests()))
	if s.requests() != 1 {
		t.Errorf("%d requests", s.requests())
	}
}
